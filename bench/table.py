"""The lines of the table: their load, yardstick and bounds."""

import dataclasses
import itertools
import random
from typing import Callable

import filling
from comparisons import batches, grpc, rest, shuffled, writes


@dataclasses.dataclass(frozen=True)
class Line:
    """A line: `measure(bench)` runs it, `needs` are the protocols of its loaders, `flag` one that movie must have."""

    name: str
    what: str
    yardstick: str
    line: float
    stretch: float | None
    measure: Callable
    needs: tuple = ("HTTP/1",)
    flag: str | None = None


def by_zipf(count, draws):
    """Returns movie numbers by Zipf's law: the n-th is read 1/n as often as the first."""
    weights = list(itertools.accumulate(1 / rank for rank in range(1, count + 1)))
    return random.Random(2).choices(shuffled(count), cum_weights=weights, k=draws)


def searches():
    return [f"/v1/metadata?query={word}" for word in filling.words()[:500]]


def by_id(path, order):
    return lambda: [path.format(number) for number in order()]


every = lambda: shuffled(filling.FILMS)
AGGREGATE = ("rating.v1.RatingService/GetAggregatedRating", ("4217", "movie"))
DETAILS = ("movie.v1.MovieService/GetMovieDetails", ("4217",))
CACHE = "--cache-ttl"
BEHIND = ("metadata", "rating")

metadata, rating, movie = (lambda bench, part=part: getattr(bench, part) for part in ("metadata", "rating", "movie"))


def cached(bench):
    return bench.programs.part("movie", *bench.consul, CACHE, "1s", name="movie (cache)")


LINES = [
    Line("rating-grpc", "rating GetAggregatedRating, gRPC, 8 connections × 8 streams", "raw HTTP/2", 1.10, 1.25,
         grpc("rating-grpc", *AGGREGATE, rating, 8, 8), ("HTTP/2",)),
    Line("rating-grpc-64", "the same, 64 connections × 1", "raw HTTP/2", 0.75, 0.85,
         grpc("rating-grpc-64", *AGGREGATE, rating, 64, 1), ("HTTP/2",)),
    Line("metadata-rest", "metadata GET, REST, 64 connections", "raw HTTP/1", 0.88, 0.94,
         rest("metadata-rest", by_id("/v1/metadata/{}", every), metadata)),
    Line("rating-rest", "rating GET, REST", "raw HTTP/1", 0.88, 0.94,
         rest("rating-rest", by_id("/v1/ratings/movie/{}", every), rating)),
    Line("movie-rest", "movie GET, REST, no cache, 10,000 ids", "bare join, HTTP/1", 1.7, None,
         rest("movie-rest", by_id("/v1/movies/{}", every), movie, BEHIND)),
    Line("movie-grpc", "movie GetMovieDetails, gRPC, no cache", "bare join, HTTP/2", 1.9, None,
         grpc("movie-grpc", *DETAILS, movie, 8, 8, BEHIND), ("HTTP/2",)),
    Line("movie-cache", "movie GET, REST, 1 s cache, 10,000 ids by Zipf's law", "bare join, HTTP/1", 2.6, None,
         rest("movie-cache", by_id("/v1/movies/{}", lambda: by_zipf(filling.FILMS, 50_000)), cached, BEHIND),
         flag=CACHE),
    Line("movie-batch", "movie batch of 100 ids, films a second", "single calls", 8, None, batches),
    Line("writes", "PutRating, 64 callers, SQLite FULL, writes a second", "bare SQLite commits", 5, 8, writes),
    Line("search", "search of a word in 10,000 titles, REST", "raw HTTP/1", 0.15, 0.3,
         rest("search", searches, metadata)),
]
