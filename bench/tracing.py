"""What traces cost: the throughput of services that sample 1 % of the requests, against that of the same services without
traces, in alternating rounds.

The traced services have a registry and databases of their own, and export to an endpoint that discards the spans.
"""

import shutil

import filling
import loaders
from comparisons import shuffled
from extras import metric
from measuring import alternate
from programs import wait_for

RATIO = 0.01
MOST_LOST = 0.03
FLAG = "--otlp-endpoint"
PATHS = {"rating": "/v1/ratings/movie/{}", "movie": "/v1/movies/{}"}


def traced(bench):
    """Starts the traced services; returns them by name, and all programs."""
    start = bench.programs.part
    receiver = bench.programs.example("receiver")
    agent = start("agent", "--dns-listen", "none", name="agent (traced)")
    # Backends follow the decision of movie: without a higher limit they would leave out most of its traces.
    flags = ["--consul", agent.url, FLAG, receiver.url, "--trace-max-rate", "100000"]
    flags += ["--trace-sampler", "parentbased_traceidratio", "--trace-ratio", RATIO]
    services = {}
    for name in ("metadata", "rating"):
        database = bench.work / f"traced-{name}.db"
        shutil.copyfile(bench.data / f"{name}.db", database)
        services[name] = start(name, *flags, "--database", f"sqlite:{database}", name=f"{name} (traced)")
    services["movie"] = start("movie", *flags, name="movie (traced)")
    return services, [*services.values(), agent, receiver]


def tracing(bench):
    """Returns for each kind of request the ratio of its rates with and without traces; fails if no span arrives."""
    services, started = traced(bench)
    rows = []
    for name, path in PATHS.items():
        plain, service = getattr(bench, name), services[name]
        paths = [path.format(number) for number in shuffled(filling.FILMS)]
        plan = bench.plan(f"tracing-{name}", (f"GET {path}" for path in paths))
        # Sampled requests have an id in the response, which is a little longer.
        _, whole = loaders.rest_size(plain.address, paths[:200])
        load = lambda url: lambda number: loaders.http1(url, plan, bench.seconds, number * 997, expected=whole)
        loads = load(plain.url), load(service.url)
        for warm in loads:
            warm(0)
        rows.append((name, alternate(*loads, bench.rounds, plain, [service])))
    for service in services.values():
        exported = lambda: metric(service, "trace_spans_exported_total")
        wait_for(exported, 10, f"spans of {service.name}")
    lost = sum(metric(service, "trace_spans_dropped_total") for service in services.values())
    for program in started:
        program.stop()
    return rows, lost
