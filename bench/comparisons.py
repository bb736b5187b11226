"""The comparisons with a yardstick: REST and gRPC calls, batches, writes."""

import contextlib
import dataclasses
import random
import shutil
import sqlite3
import time

import filling
import loaders
from loaders import Run
from measuring import alternate

BACKENDS = [
    ("metadata", "metadata.v1.MetadataService/GetMetadata", ("4217",)),
    ("rating", "rating.v1.RatingService/GetAggregatedRating", ("4217", "movie")),
]


class Bench:
    """The state that the lines share: the running services, folders, rounds and seconds."""

    def __init__(self, programs, data, work, rounds, seconds):
        self.programs, self.data, self.work, self.rounds, self.seconds = programs, data, work, rounds, seconds
        agent = self.programs.part("agent", "--dns-listen", "none")
        self.consul = ["--consul", agent.url]
        start = self.programs.part
        self.metadata = start("metadata", *self.consul, "--database", f"sqlite:{data}/metadata.db")
        self.rating = start("rating", *self.consul, "--database", f"sqlite:{data}/rating.db")
        self.movie = start("movie", *self.consul)

    def plan(self, name, requests):
        """Writes the requests for wrk to a file."""
        path = self.work / f"{name}.plan"
        path.write_text("".join(f"{request}\n" for request in requests))
        return path

    def frame(self, name, *fields):
        """Writes a gRPC message of text fields numbered from 1."""
        message = b"".join(bytes([number << 3 | 2, len(text)]) + text.encode() for number, text in enumerate(fields, 1))
        path = self.work / f"{name}.frame"
        path.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
        return path


def shuffled(count, seed=0):
    """Returns the movies' numbers in a pseudo-random order."""
    numbers = list(range(1, count + 1))
    random.Random(seed).shuffle(numbers)
    return numbers


def rest(name, targets, service, behind=()):
    """Measures GETs of `targets` at `service(bench)` against bare HTTP/1 with responses of the same mean size."""

    def measure(bench):
        program = service(bench)
        paths = targets()
        size, whole = loaders.rest_size(program.address, paths[:: max(1, len(paths) // 200)])
        raw = bench.programs.raw("http1", size)
        plan = bench.plan(name, (f"GET {path}" for path in paths))
        load = lambda url, expected=None: lambda number: loaders.http1(
            url, plan, bench.seconds, place=number * 997, expected=expected
        )
        load(program.url)(0)
        watched = [program, *(getattr(bench, part) for part in behind)]
        with bare_join(bench, "join1", size, behind) as join:
            yardstick, one_hop = (join, load(raw.url)) if join else (raw, None)
            loads = load(yardstick.url), load(program.url, whole)
            measured = alternate(*loads, bench.rounds, yardstick, watched, one_hop)
        raw.stop()
        return measured

    return measure


def grpc(name, method, fields, service, connections, streams, behind=()):
    """Measures a unary call at `service(bench)` against bare HTTP/2 with a response of the same size."""

    def measure(bench):
        program = service(bench)
        url = f"{program.url}/{method}"
        frame = bench.frame(name, *fields)
        size = loaders.grpc_size(url, frame)
        raw = bench.programs.raw("http2", size)
        load = lambda url: lambda _: loaders.http2(url, frame, connections, streams, size, bench.seconds)
        load(url)(0)
        watched = [program, *(getattr(bench, part) for part in behind)]
        with bare_join(bench, "join2", size, behind) as join:
            yardstick, one_hop = (join, load(raw.url)) if join else (raw, None)
            measured = alternate(load(yardstick.url), load(url), bench.rounds, yardstick, watched, one_hop)
        raw.stop()
        return measured

    return measure


@contextlib.contextmanager
def bare_join(bench, form, size, behind):
    """Yields a bare server that calls two bare servers for each request, or None for a service without backends.

    Its backends respond with as many bytes as metadata and rating do to single gRPC calls.
    """
    if not behind:
        yield None
        return
    with contextlib.ExitStack() as running:
        backends = []
        for part, method, fields in BACKENDS:
            url = f"{getattr(bench, part).url}/{method}"
            backend = bench.programs.raw("http2", loaders.grpc_size(url, bench.frame(part, *fields)))
            running.callback(backend.stop)
            backends.append(backend)
        join = bench.programs.raw(form, size, *backends)
        running.callback(join.stop)
        yield join


def batches(bench):
    """Measures movies per second in batches of 100 against single reads."""
    numbers = shuffled(filling.FILMS)
    single = bench.plan("single", (f"GET /v1/movies/{number}" for number in numbers))
    hundreds = [numbers[at : at + 100] for at in range(0, len(numbers), 100)]
    targets = [f"/v1/movies?ids={','.join(map(str, ids))}" for ids in hundreds]
    _, whole = loaders.rest_size(bench.movie.address, targets[:10])
    batch = bench.plan("batch", (f"GET {target}" for target in targets))

    def movies(number):
        run = loaders.http1(bench.movie.url, batch, bench.seconds, number * 7, expected=whole)
        return dataclasses.replace(run, done=run.done * 100)

    one_by_one = lambda number: loaders.http1(bench.movie.url, single, bench.seconds, number * 997)
    one_by_one(0)
    movies(0)
    return alternate(one_by_one, movies, bench.rounds, bench.movie, [bench.movie, bench.metadata, bench.rating])


def writes(bench):
    """Measures PutRating by 64 callers against SQLite commits of one row each on the same disk."""
    bare = sqlite3.connect(bench.work / "bare.db", isolation_level=None)
    bare.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE IF NOT EXISTS t (a, b, c)")

    def commits(_):
        began, done = time.monotonic(), 0
        while (took := time.monotonic() - began) < bench.seconds:
            bare.execute("INSERT INTO t VALUES (1, 2, 3)")
            done += 1
        return Run(done, took)

    shutil.copyfile(bench.data / "rating.db", bench.work / "writes.db")
    service = bench.programs.part(
        "rating", "--registry", "none", "--database", f"sqlite:{bench.work}/writes.db", name="rating (writes)"
    )
    chance = random.Random(3)
    paths = [f"/v1/ratings/movie/{chance.randint(1, filling.FILMS)}/users/{user}" for user in range(1, 20_001)]
    plan = bench.plan("writes", (f'PUT {path} {{"value":?}}' for path in paths))
    load = lambda number: loaders.http1(service.url, plan, bench.seconds, place=number * 1999)
    load(0)
    measured = alternate(commits, load, bench.rounds, None, [service])
    service.stop()
    bare.close()
    return measured
