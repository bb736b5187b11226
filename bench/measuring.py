"""Alternating runs of yardstick and service, and the median of their ratios."""

import dataclasses
from statistics import median


@dataclasses.dataclass
class Measured:
    """The result of some rounds: rates per second, CPU in microseconds per request, memory in MiB."""

    ratio: float
    lowest: float
    highest: float
    noise: float
    rate: float
    yardstick_rate: float
    yardstick_cpu: float
    cpu: dict
    resident: dict
    to_one_hop: float | None = None


def alternate(yardstick, service, rounds, yardstick_program=None, programs=(), one_hop=None):
    """Runs `yardstick`, `service`, `yardstick` … and compares each run of the service with its two neighbours.

    All loads are called with the number of the round and return a `Run`. The noise is the median difference
    between consecutive runs of the yardstick; a smaller difference from a line is not significant. If `one_hop` is
    given, it runs once per round; the median ratio to it is reported as well.
    """
    watched = [yardstick_program] if yardstick_program else []
    bare = [run_with_cpu(yardstick, 0, watched)]
    runs, hops = [], []
    for number in range(1, rounds + 1):
        runs.append(run_with_cpu(service, number, programs))
        bare.append(run_with_cpu(yardstick, number, watched))
        if one_hop:
            hops.append(one_hop(number).rate)
    rates = [run.rate for run, _ in bare]
    ratios = [run.rate / ((a + b) / 2) for (run, _), a, b in zip(runs, rates, rates[1:])]
    return Measured(
        ratio=median(ratios),
        lowest=min(ratios),
        highest=max(ratios),
        noise=median(abs(b / a - 1) for a, b in zip(rates, rates[1:])),
        rate=median(run.rate for run, _ in runs),
        yardstick_rate=median(rates),
        yardstick_cpu=median(sum(cpu.values()) for _, cpu in bare),
        cpu={program.name: median(cpu[program.name] for _, cpu in runs) for program in programs},
        resident={program.name: program.resident() for program in programs},
        to_one_hop=median(run.rate / hop for (run, _), hop in zip(runs, hops)) if hops else None,
    )


def run_with_cpu(load, number, programs):
    """Returns one run, and the CPU time of each program per request in it."""
    before = [program.cpu() for program in programs]
    run = load(number)
    spent = {
        program.name: (program.cpu() - start) * 1e6 / run.done for program, start in zip(programs, before)
    }
    return run, spent
