"""Requests to all three services, of every kind that has metrics of its own, until it is stopped."""

import http.client
import itertools
import threading
import urllib.parse

JSON = {"content-type": "application/json"}


def grpc_web(service, method, message, **headers):
    frame = b"\0" + len(message).to_bytes(4, "big") + message
    return "POST", f"/{service}/{method}", frame, {"content-type": "application/grpc-web+proto", **headers}


def field(number, text):
    """Encodes a string as a field of a protobuf message."""
    return bytes([number << 3 | 2, len(text)]) + text.encode()


# A deadline of a nanosecond is always missed: these are the failures. The connection closes after a body that was not read.
LATE = {"grpc-timeout": "1n", "connection": "close"}
MOVIE = [
    ("GET", "/v1/movies/1", None, {}),
    ("GET", "/v1/movies/nope", None, {}),
    ("GET", "/v1/movies?query=star", None, {}),
    ("GET", "/v1/top/movies?pageSize=3", None, {}),
    grpc_web("movie.v1.MovieService", "GetMovieDetails", field(1, "1")),
    grpc_web("movie.v1.MovieService", "GetMovieDetails", field(1, "1"), **LATE),
]
METADATA = [
    ("GET", "/v1/metadata/1", None, {}),
    ("PUT", "/v1/metadata/load", b'{"title":"Load"}', JSON),
    grpc_web("metadata.v1.MetadataService", "GetMetadata", field(1, "1"), **LATE),
]
RATING = [
    ("GET", "/v1/ratings/movie/1", None, {}),
    ("PUT", "/v1/ratings/movie/1/users/load", b'{"value":7}', JSON),
    grpc_web("rating.v1.RatingService", "GetAggregatedRating", field(1, "1") + field(2, "movie"), **LATE),
]


def send(url, requests, stopped, failures):
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=10)
    for method, path, body, headers in itertools.cycle(requests):
        # Enough for rates and quantiles, and no competition for the cores.
        if stopped.wait(0.01):
            return
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            failures.append(f"{method} {url}{path}: {error!r}")
            continue
        if response.status not in (200, 201, 404):
            failures.append(f"{method} {url}{path}: {response.status}")


class Load:
    """Requests in threads, between `with` and its end; `failures` lists unexpected responses."""

    def __init__(self, metadata, rating, movie):
        self.stopped, self.failures = threading.Event(), []
        self.threads = [threading.Thread(target=send, args=(url, requests, self.stopped, self.failures))
                        for url, requests in ((metadata, METADATA), *((each, RATING) for each in rating), (movie, MOVIE))]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join()
