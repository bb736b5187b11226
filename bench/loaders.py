"""Running wrk and h2load and parsing their output."""

import dataclasses
import http.client
import re
import shutil
import subprocess

from programs import Failed, die_with_parent, json_of

HERE = __file__.rpartition("/")[0]


@dataclasses.dataclass
class Run:
    """One load: `done` requests in `seconds`, latencies in milliseconds and bytes of data per response, if known."""

    done: int
    seconds: float
    p50: float = 0
    p99: float = 0
    data: float = 0

    @property
    def rate(self):
        return self.done / self.seconds


def missing():
    """Returns the Debian packages of missing loaders by protocol."""
    loaders = {"wrk": ("wrk", "HTTP/1"), "h2load": ("nghttp2-client", "HTTP/2")}
    return {what: package for program, (package, what) in loaders.items() if not shutil.which(program)}


def output(command):
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=die_with_parent)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {done.stderr or done.stdout}")
    return done.stdout


def http1(url, plan, seconds, place=0, connections=64, rate=None, expected=None):
    """Sends the plan's requests over HTTP/1; fails if a response is an error or not of the `expected` size."""
    command = ["wrk", "-t2", f"-c{connections}", f"-d{seconds}s", "-s", f"{HERE}/load.lua", url]
    command += ["--", str(plan), str(place)] + ([str(rate)] if rate else [])
    told = json_of(output(command))
    if told["failed"] or told["refused"] or not told["requests"]:
        raise Failed(f"{url}: of {told['requests']} responses {told['refused']} were errors, {told['failed']} ended early")
    size = told["bytes"] / told["requests"]
    if expected and abs(size / expected - 1) > 0.03:
        raise Failed(f"{url}: responses had {size:.0f} bytes, not {expected:.0f}: they were incomplete")
    return Run(told["requests"], told["micros"] / 1e6, told["p50"] / 1e3, told["p99"] / 1e3)


def http2(url, frame, connections, streams, expected=None, seconds=None, requests=None):
    """Posts a gRPC message over HTTP/2, for a time or a number of times.

    A gRPC error is an HTTP 200 without a message: the check is that every response has `expected` bytes of data.
    """
    command = ["h2load", "-t", str(min(2, connections)), "-c", str(connections), "-m", str(streams), "-d", str(frame)]
    command += ["-H", "content-type: application/grpc", "-H", "te: trailers", url]
    command += ["-D", f"{int(seconds * 1000)}ms"] if seconds else ["-n", str(requests)]
    text = output(command)
    counts = re.search(r"(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", text)
    done, succeeded, failed, errored, late = map(int, counts.groups())
    data = int(re.search(r"\((\d+)\) data", text).group(1))
    if failed or errored or late or not succeeded:
        raise Failed(f"{url}: of {done} responses {succeeded} succeeded: {text}")
    if expected and data < done * expected * 0.99:
        raise Failed(f"{url}: responses had {data / done:.1f} bytes of data, not {expected}: there were errors")
    micros = {"us": 1e-6, "ms": 1e-3, "s": 1}
    took, unit = re.search(r"finished in ([0-9.]+)(us|ms|s),", text).groups()
    return Run(done, float(took) * micros[unit], data=data / done)


def grpc_size(url, frame):
    """Returns the size of a method's response message, including its frame."""
    size = http2(url, frame, 1, 1, requests=1).data
    if size < 6:
        raise Failed(f"{url} returned an error")
    return int(size)


def rest_size(address, targets):
    """Returns the mean size of the responses to GETs of some targets: of their bodies, and in total."""
    connection = http.client.HTTPConnection(address, timeout=10)
    bodies = wholes = 0
    for target in targets:
        connection.request("GET", target, headers={"Host": address})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200 or b'"partial"' in body:
            raise Failed(f"http://{address}{target}: {answer.status} {body[:300]}")
        head = len("HTTP/1.1 200 OK\r\n\r\n") + sum(len(f"{key}: {value}\r\n") for key, value in answer.getheaders())
        bodies, wholes = bodies + len(body), wholes + head + len(body)
    connection.close()
    return round(bodies / len(targets)), wholes / len(targets)
