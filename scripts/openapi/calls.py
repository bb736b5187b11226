#!/usr/bin/env python3
"""Calls every operation of the three services with the clients that openapi-python-client generated.

    PYTHONPATH=CLIENTS scripts/openapi/calls.py METADATA_URL RATING_URL MOVIE_URL

CLIENTS has the packages `metadata`, `rating` and `movie`. Each call must have the expected status and return the documented
type. Exits with 1 if one does not, or if an operation is not called. Started by scripts/check-openapi.
"""

import importlib
import pkgutil
import sys

ID = "from a client/ä"
KEY = {"type_": "movie", "id": ID, "user": "a client"}
COMMON = [
    ("get_health", 200, "str", {}),
    ("get_readiness", 200, "str", {}),
    ("get_metrics", 200, "str", {}),
    ("get_open_api", 200, "GetOpenApiResponse200", {}),
    ("get_log_filter", 200, "LogFilter", {}),
    ("put_log_filter", 200, "LogFilter", {"body": ("LogFilter", {"filter": "warn"})}),
    ("put_log_filter", 400, "Problem", {"body": ("LogFilter", {"filter": "x=loud"})}),
]

# Operation, status, type of the result, arguments; `body` is the name of its type and its fields.
CALLS = {
    "metadata": [
        ("put_metadata", 201, "Metadata", {"id": ID, "body": ("PutMetadata", {
            "title": "Out of Order", "director": "Carl Schenkel", "releaseYear": 1984, "genres": ["Thriller"]})}),
        ("put_metadata", 200, "Metadata", {"id": ID, "body": ("PutMetadata", {
            "id": ID, "title": "Abwärts", "description": None, "releaseYear": None})}),
        ("put_metadata", 400, "Problem", {"id": ID, "body": ("PutMetadata", {"title": ""})}),
        ("get_metadata", 200, "Metadata", {"id": ID}),
        ("get_metadata_short", 200, "Metadata", {"id": ID}),
        ("get_metadata_at_root", 200, "Metadata", {"id": ID}),
        ("list_metadata", 200, "MetadataList", {"ids": [ID]}),
        ("list_metadata", 200, "MetadataList", {"query": "abwarts", "page_size": 1}),
        ("list_metadata", 400, "Problem", {"page_token": "unknown"}),
        ("batch_put_metadata", 200, "MetadataList", {"body": ("BatchPutMetadata", {
            "metadata": [{"id": "a", "title": "A"}, {"id": "b", "title": "B", "genres": []}]})}),
        ("delete_metadata", 204, "NoneType", {"id": "a"}),
        ("delete_metadata", 404, "Problem", {"id": "a"}),
        ("get_metadata", 404, "Problem", {"id": "a"}),
        *COMMON,
    ],
    "rating": [
        ("put_rating", 201, "Rating", {**KEY, "body": ("PutRating", {
            "value": 9, "providerId": "a provider", "ratedAt": "2026-11-21T12:00:00+01:00"})}),
        ("put_rating", 200, "Rating", {**KEY, "body": ("PutRating", {"value": 8})}),
        ("put_rating", 400, "Problem", {**KEY, "body": ("PutRating", {"value": 11})}),
        ("put_rating_short", 201, "Rating", {"type_": "movie", "id": ID, "user_id": "another", "value": 1}),
        ("get_rating", 200, "Rating", KEY),
        ("get_aggregated_rating", 200, "Aggregate", {"type_": "movie", "id": ID}),
        ("batch_get_aggregated_ratings", 200, "AggregateList", {"type_": "movie", "ids": [ID]}),
        ("get_mean_rating", 200, "float", {"type_": "movie", "id": ID}),
        ("get_mean_rating_at_root", 200, "float", {"type_": "movie", "id": ID}),
        ("list_user_ratings", 200, "RatingList", {"user": "a client", "type_": "movie"}),
        ("list_top_rated", 200, "AggregateList", {"type_": "movie", "min_count": 1, "page_size": 2}),
        ("delete_rating", 204, "NoneType", KEY),
        ("get_rating", 404, "Problem", KEY),
        ("get_ingestion", 200, "Ingestion", {}),
        *COMMON,
    ],
    "movie": [
        ("get_movie", 200, "Movie", {"id": "1"}),
        ("get_movie", 404, "Problem", {"id": "no such movie"}),
        ("get_movie_short", 200, "ShortMovie", {"id": "1"}),
        ("get_movie_at_root", 200, "ShortMovie", {"id": "1"}),
        ("list_movies", 200, "MovieList", {"ids": ["1"]}),
        ("list_movies", 200, "MovieList", {"query": "matrix"}),
        ("list_top_movies", 200, "MovieList", {"min_count": 1, "page_size": 2}),
        *COMMON,
    ],
}


def operations(service):
    """Returns the modules of a client's operations by name."""
    package = importlib.import_module(f"{service}.api")
    found = {}
    for module in pkgutil.walk_packages(package.__path__, f"{service}.api."):
        if not module.ispkg:
            found[module.name.rpartition(".")[2]] = importlib.import_module(module.name)
    return found


def call(service, client, module, arguments):
    """Returns the status of a call and the name of its result's type."""
    if "body" in arguments:
        name, fields = arguments["body"]
        body = getattr(importlib.import_module(f"{service}.models"), name).from_dict(fields)
        arguments = {**arguments, "body": body}
    response = module.sync_detailed(client=client, **arguments)
    return response.status_code, type(response.parsed).__name__


def main():
    if len(sys.argv) != 1 + len(CALLS):
        print(__doc__, file=sys.stderr)
        return 2
    faults, count = [], 0
    for (service, calls), url in zip(CALLS.items(), sys.argv[1:]):
        modules = operations(service)
        client = importlib.import_module(service).Client(base_url=url, raise_on_unexpected_status=True)
        for name, status, kind, arguments in calls:
            result = call(service, client, modules[name], arguments)
            count += 1
            if result != (status, kind):
                faults.append(f"{service}: {name}({arguments}) returned {result}, not {(status, kind)}")
        uncalled = modules.keys() - {name for name, *_ in calls}
        faults += [f"{service}: {name} is not called" for name in sorted(uncalled)]
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"generated clients: {count} calls, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
