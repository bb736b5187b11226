"""The data that everything is measured on: 10,000 made-up films and a million ratings of them, the same every time.

They go in through the public interfaces: ratings as a MovieLens folder that `devstack` imports through Kafka, films by
`POST /v1/metadata:batchPut`.
"""

import http.client
import itertools
import json
import pathlib
import random
import re
import shutil
import signal
import subprocess
import zlib

from programs import Failed, start

FILMS, USERS, RATINGS_EACH, WORDS = 10_000, 20_000, 50, 1_500
BATCH = 500
GENRES = ["Action", "Animation", "Comedy", "Crime", "Drama", "Fantasy", "Romance", "Thriller", "War"]


def words():
    """Made-up words of six letters: none begins with another."""
    syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
    every = ["".join(word) for word in itertools.product(syllables, repeat=3)]
    return random.Random(6).sample(every, WORDS)


def film(number, vocabulary):
    """A film about as long as real ones are: of three words, each of which stands in about 20 titles of 10,000."""
    chosen = random.Random(number).sample(range(WORDS), 3)
    title = " ".join(vocabulary[word].capitalize() for word in chosen)
    return {
        "id": str(number),
        "title": title,
        "description": f"Someone called {title.split()[0]} finds out what {title.split()[1]} means, and that it is late.",
        "director": f"{vocabulary[number % 97].capitalize()} {vocabulary[number % 89 + 100].capitalize()}",
        "releaseYear": 1930 + number % 95,
        "genres": [GENRES[number % 9], GENRES[(number + 1 + number % 7) % 9]],
    }


def films(address, count):
    """Puts `count` films into the metadata service at `address`."""
    vocabulary = words()
    connection = http.client.HTTPConnection(address, timeout=60)
    for first in range(1, count + 1, BATCH):
        batch = [film(number, vocabulary) for number in range(first, min(first + BATCH, count + 1))]
        body = json.dumps({"metadata": batch})
        connection.request("POST", "/v1/metadata:batchPut", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise Failed(f"films were refused: {answer.status} {text[:300]}")
    connection.close()


def movielens(folder):
    """Writes the films' numbers and everyone's ratings as a MovieLens folder."""
    folder.mkdir(parents=True)
    with (folder / "movies.csv").open("w") as out:
        out.write("movieId,title,genres\n")
        out.writelines(f"{number},Film {number} (2000),Drama\n" for number in range(1, FILMS + 1))
    chance = random.Random(1)
    with (folder / "ratings.csv").open("w") as out:
        out.write("userId,movieId,rating,timestamp\n")
        for user in range(1, USERS + 1):
            for number in chance.sample(range(1, FILMS + 1), RATINGS_EACH):
                out.write(f"{user},{number},{chance.randint(1, 10) / 2},{1_600_000_000 + user}\n")


def data(programs, work):
    """The folder in `work` that has metadata.db and rating.db; filled unless an earlier run has, with these rules."""
    folder = work / f"data-{zlib.crc32(pathlib.Path(__file__).read_bytes()):08x}"
    if (folder / "rating.db").exists():
        return folder
    print(f"filling {folder} with {FILMS:,} films and {USERS * RATINGS_EACH:,} ratings, once", flush=True)
    making = folder.with_name(folder.name + ".making")
    shutil.rmtree(making, ignore_errors=True)
    movielens(making / "movielens")
    ports = ["--no-console"]
    ports += [f"--{part}-listen=127.0.0.1:0" for part in ["agent", "kafka", "metadata", "rating", "movie"]]
    command = [programs.folder / "devstack", "--movielens", making / "movielens", "--data-dir", making / "data", *ports]
    stack = start(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        address = None
        for line in stack.stdout:
            if found := re.search(r"metadata +http://(\S+)", line):
                address = found.group(1)
            if line.startswith("ready"):
                films(address, FILMS)
                break
        else:
            raise Failed("the stack ended before it was ready")
    finally:
        stack.send_signal(signal.SIGINT)
        stack.stdout.read()
        stack.wait()
    found = next(making.glob("data/**/rating.db")).parent
    shutil.rmtree(folder, ignore_errors=True)
    found.rename(folder)
    shutil.rmtree(making)
    return folder


def grown(programs, folder, count):
    """A database of `count` films alone, for what growth costs; made unless an earlier run has."""
    path = pathlib.Path(folder) / f"films-{count}.db"
    if not path.exists():
        print(f"filling {path}, once", flush=True)
        making = path.with_suffix(".making")
        for stale in path.parent.glob(f"{making.name}*"):
            stale.unlink()
        service = programs.part("metadata", "--registry", "none", "--database", f"sqlite:{making}", name="filling")
        films(service.address, count)
        service.stop()
        making.rename(path)
    return path
