"""The measured programs: starting, stopping, CPU time and memory."""

import contextlib
import ctypes
import json
import os
import pathlib
import re
import signal
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")
LIBC = ctypes.CDLL(None)
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


class Failed(Exception):
    """An error that ends the bench."""


def die_with_parent():
    """Runs in the child, so that it ends even if the harness is killed."""
    LIBC.prctl(DIE_WITH_PARENT, signal.SIGKILL)


def start(command, **kept):
    """Starts a program that ends with the harness."""
    return subprocess.Popen([str(part) for part in command], preexec_fn=die_with_parent, **kept)


class Program:
    """A running server at `address` (host:port)."""

    def __init__(self, name, process, address):
        self.name, self.process, self.address = name, process, address

    @property
    def url(self):
        return f"http://{self.address}"

    def cpu(self):
        """Returns the seconds of CPU time since the start."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident(self):
        """Returns the resident memory in MiB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) / 1024

    def stop(self):
        """Stops the program; kills it after 15 s."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(15)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Programs:
    """Starts programs from `folder`, with their logs in `logs`; they end with the block."""

    def __init__(self, folder, logs):
        self.folder, self.logs, self.running = pathlib.Path(folder), pathlib.Path(logs), contextlib.ExitStack()
        self.logs.mkdir(parents=True, exist_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.running.close()

    def raw(self, form, size, *backends):
        """Starts a bare hyper server with responses of `size` bytes; `form` is one of its example."""
        return self.example("raw", form, size, *(backend.address for backend in backends))

    def example(self, name, *arguments):
        """Starts an example that prints its address."""
        process = start([self.folder / "examples" / name, *arguments], stdout=subprocess.PIPE, text=True)
        program = Program(" ".join([name, *arguments[:1]]), process, process.stdout.readline().strip())
        self.running.callback(program.stop)
        if not program.address:
            raise Failed(f"the example {name} did not start")
        return program

    def part(self, part, *flags, name=None):
        """Starts one part of the development stack on a free port, and waits until it serves."""
        name = name or part
        log = self.logs / f"{name}.log"
        command = [self.folder / "devstack", part, "--listen", "127.0.0.1:0", *flags]
        with log.open("w") as out:
            process = start(command, stdout=out, stderr=out, env={**os.environ, "LOG_FORMAT": "json"})
        program = Program(name, process, None)
        self.running.callback(program.stop)
        program.address = wait_for(lambda: served_at(log, program), 60, f"{name} to serve")
        return program

    def knows(self, part, flag):
        """Returns whether this build of a part has a flag."""
        help_ = subprocess.run([self.folder / "devstack", part, "--help"], capture_output=True, text=True, check=True)
        return flag in help_.stdout


def served_at(log, program):
    """Returns the address from a part's log once it serves."""
    text = log.read_text()
    if program.process.poll() is not None:
        raise Failed(f"{program.name} ended during startup: {text[-500:]}")
    for line in text.splitlines():
        # Services log their address, the agent that of its page.
        if found := re.search(r'"(?:address|page)":"(?:http://)?([^"/]+)', line):
            return found.group(1)
    return None


def wait_for(condition, seconds, what):
    """Waits until `condition` returns a true value, and returns it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if outcome := condition():
            return outcome
        time.sleep(0.02)
    raise Failed(f"timed out after {seconds} s waiting for {what}")


def json_of(text):
    """Returns the last line of `text` that is JSON."""
    return json.loads([line for line in text.splitlines() if line.startswith("{")][-1])
