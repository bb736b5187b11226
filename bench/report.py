"""The output: the table, the lines below it, and bench/results.md."""

import datetime
import os
import platform
import re
import subprocess

import extras
import tracing as traces

HEAD = ["what", "yardstick", "line", "stretch", "measured", "rounds", "to one hop", "noise", "a second", "CPU µs", "MiB", ""]


def machine():
    """Returns the processor, its cores, memory, and the load before the run."""
    with open("/proc/cpuinfo") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    with open("/proc/meminfo") as file:
        memory = int(re.search(r"MemTotal:\s+(\d+) kB", file.read()).group(1)) / 1024**2
    name = model.group(1).strip() if model else platform.machine()
    load = os.getloadavg()[0]
    return f"{name}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}; load before the run {load:.1f}"


def commit():
    """Returns the measured commit, and whether the tree differs from it."""
    told = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=12"], capture_output=True, text=True)
    return told.stdout.strip() or "unknown"


def stamp(load_machine):
    date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    return f"{date}, commit {commit()}, {load_machine}"


def missed(line, measured):
    """Returns whether a line is missed by more than the noise, or failed because of wrong responses."""
    if isinstance(measured, str):
        return measured.startswith("FAILED")
    return measured.ratio < line.line * (1 - measured.noise)


def verdict(line, measured):
    if missed(line, measured):
        return "MISSED"
    if measured.ratio < line.line:
        return "too noisy to tell" if measured.noise > 0.25 else "within noise"
    return "stretch" if line.stretch and measured.ratio >= line.stretch else "reached"


def row(line, measured):
    """Returns a line of the table; `measured` is a text if the line was skipped."""
    start = [line.what, line.yardstick, f"{line.line:g}", f"{line.stretch:g}" if line.stretch else ""]
    if isinstance(measured, str):
        return [*start, "", "", "", "", "", "", "", measured]
    own, *behind = measured.cpu.values()
    spent = f"{own:.1f}" + (f" + {sum(behind):.1f}" if behind else "")
    if measured.yardstick_cpu:
        spent += f" / {measured.yardstick_cpu:.1f}"
    return [
        *start,
        f"{measured.ratio:.2f}",
        f"{measured.lowest:.2f}–{measured.highest:.2f}",
        f"{measured.to_one_hop:.2f}" if measured.to_one_hop else "",
        f"{measured.noise * 100:.0f} %",
        f"{measured.rate:,.0f} / {measured.yardstick_rate:,.0f}",
        spent,
        " + ".join(f"{mib:.0f}" for mib in measured.resident.values()),
        verdict(line, measured),
    ]


def aligned(rows):
    """Returns the table as Markdown with aligned columns."""
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(rows[0]))]
    text = lambda cells: "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths)) + " |"
    return "\n".join([text(rows[0]), text(["-" * width for width in widths]), *map(text, rows[1:])])


def latency(told):
    """Returns a line of text, and whether the bounds are met."""
    held = "met" if told.held else "MISSED"
    if told.raw[1] >= extras.MOST_P99:
        held = "too noisy to tell"
    text = (
        f"Latency at {told.rate:,.0f} movie requests/s, no cache: p50 {told.movie[0]:.2f} ms, p99 "
        f"{told.movie[1]:.2f} ms; bare hyper p50 {told.raw[0]:.2f} ms, p99 {told.raw[1]:.2f} ms (p50 under "
        f"{extras.MOST_P50} ms and p99 under {extras.MOST_P99:g} ms if bare hyper's is): {held}"
    )
    return text, told.held


def growth(counts, rows):
    """Returns a line of text, and whether all reads stay as fast."""
    told = [
        f"{count:,} movies {measured.ratio:.2f} (noise {measured.noise * 100:.0f} %): {'flat' if flat(measured) else 'MISSED'}"
        for count, measured in rows
    ]
    text = f"Reads of metadata by id, relative to those with {counts[0]:,} movies: {'; '.join(told)}"
    return text, all(flat(measured) for _, measured in rows)


def flat(measured):
    """Returns whether reads stay as fast; two runs may differ by 5 % even if the noise is lower."""
    return measured.ratio >= 1 - max(measured.noise, 0.05)


def tracing(rows, dropped):
    """Returns a line of text, and whether traces cost little enough; less than the noise is not significant."""
    told, held = [], True
    for name, measured in rows:
        held_here = measured.ratio >= (1 - traces.MOST_LOST) * (1 - measured.noise)
        held = held and held_here
        told.append(
            f"{name} GET {100 * (1 - measured.ratio):.1f} % (noise {measured.noise * 100:.1f} %; "
            f"{measured.rate:,.0f} / {measured.yardstick_rate:,.0f} a second): {'met' if held_here else 'MISSED'}"
        )
    return (
        f"Throughput lost with {100 * traces.RATIO:g} % of the requests traced (at most {100 * traces.MOST_LOST:g} %): "
        f"{'; '.join(told)}; {dropped:,.0f} spans dropped"
    ), held


def memory(mib):
    """Returns a line of text, and whether each service stays within its bound."""
    told = [
        f"{name} {value:.0f} MiB ({'under' if value < extras.MOST_MIB[name] else 'MISSED:'} {extras.MOST_MIB[name]})"
        for name, value in mib.items()
    ]
    text = f"Resident after a million requests: {', '.join(told)}"
    return text, all(value < extras.MOST_MIB[name] for name, value in mib.items())


def results(about, table, below):
    """Returns the text of bench/results.md."""
    return f"""# Measured

{about}

{table}

"measured" is the median of the rounds' ratios to the yardstick, "noise" the median difference between consecutive runs
of the yardstick. "To one hop" is the ratio to a bare server without backends, where the yardstick has as many hops as the
service. Of two figures, the first is the service's and the second the yardstick's. CPU is that of the service,
+ the services that it calls, / the yardstick's. MiB is the resident memory of the same services.

{below}

![Measured against the lines](results.svg)
"""
