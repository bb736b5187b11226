"""Measurements outside the table: latency at a fixed rate, cost of growth, memory after a million requests."""

import dataclasses
import json
import re
import urllib.request
from statistics import mean, median

import filling
import loaders
from comparisons import shuffled
from measuring import alternate
from table import searches

RATE = 10_000
MOST_P50, MOST_P99 = 0.5, 3.0
MILLION = 1_000_000
MOST_MIB = {"metadata": 64, "rating": 128, "movie": 64}


@dataclasses.dataclass
class Latency:
    """Latency of bare hyper and movie in milliseconds, at the rate reached."""

    rate: float
    raw: tuple
    movie: tuple

    @property
    def held(self):
        """Returns whether movie meets its bounds; they do not apply if bare hyper misses them too."""
        return self.raw[1] >= MOST_P99 or (self.movie[0] < MOST_P50 and self.movie[1] < MOST_P99)


def latency(bench):
    """Sends 10,000 movie requests per second at a fixed rate, alternately to bare hyper and to movie."""
    paths = [f"/v1/movies/{number}" for number in shuffled(filling.FILMS)]
    size, whole = loaders.rest_size(bench.movie.address, paths[:100])
    plan = bench.plan("latency", (f"GET {path}" for path in paths))
    raw = bench.programs.raw("http1", size)
    runs = {raw.url: [], bench.movie.url: []}
    for number in range(bench.rounds):
        for url, expected in [(raw.url, None), (bench.movie.url, whole)]:
            runs[url].append(loaders.http1(url, plan, bench.seconds, number * 997, rate=RATE, expected=expected))
    raw.stop()
    times = {url: tuple(median(getattr(run, at) for run in of) for at in ("p50", "p99")) for url, of in runs.items()}
    rate = median(run.rate for run in runs[bench.movie.url])
    return Latency(rate, times[raw.url], times[bench.movie.url])


def growth(bench, counts):
    """Reads metadata by id with growing numbers of movies, each compared with the first; the working set is the
    same 10,000 ids, or all if there are fewer. Returns rate, ratio to the first and noise for each count.
    """
    services = []
    for count in counts:
        path = filling.grown(bench.programs, bench.data, count)
        flags = ["--registry", "none", "--database", f"sqlite:{path}"]
        services.append(bench.programs.part("metadata", *flags, name=f"metadata of {count}"))

    def load(service, count):
        ids = shuffled(min(count, filling.FILMS))
        plan = bench.plan(f"growth-{count}", (f"GET /v1/metadata/{number}" for number in ids))
        _, whole = loaders.rest_size(service.address, [f"/v1/metadata/{number}" for number in ids[:200]])
        return lambda number: loaders.http1(service.url, plan, bench.seconds, number * 997, expected=whole)

    loads = [load(service, count) for service, count in zip(services, counts)]
    for warm in loads:
        warm(0)
    rows = []
    for count, service, grown in zip(counts[1:], services[1:], loads[1:]):
        rows.append((count, alternate(loads[0], grown, bench.rounds, services[0], [service])))
    for service in services:
        service.stop()
    return rows


def per_result(bench, rate):
    """Returns the microseconds of a search per movie found, at `rate` searches per second."""
    found = [len(json.loads(get(bench.metadata, path))["metadata"]) for path in searches()[:100]]
    return 1e6 / rate / mean(found)


def get(service, path):
    """Returns the body of a GET."""
    with urllib.request.urlopen(service.url + path, timeout=10) as answer:
        return answer.read().decode()


def answered(service):
    """Returns the number of requests that a service has served."""
    return metric(service, "requests_total")


def metric(service, name):
    """Returns the sum of the samples of one of a service's metrics."""
    counts = re.findall(rf"^{name}(?:\{{.*\}})? ([0-9.e+]+)$", get(service, "/metrics"), re.M)
    return sum(map(float, counts))


def memory(bench):
    """Loads each service until it has served a million requests, and returns the resident memory of each in MiB."""
    paths = {bench.movie: "/v1/movies/{}", bench.metadata: "/v1/metadata/{}", bench.rating: "/v1/ratings/movie/{}"}
    for service, path in paths.items():
        plan = bench.plan(f"memory-{service.name}", (f"GET {path.format(n)}" for n in shuffled(filling.FILMS)))
        while answered(service) < MILLION:
            loaders.http1(service.url, plan, 5)
    return {service.name: service.resident() for service in paths}
