"""What a store goes through while faults are made: records of a few sources, some sections shared, some large."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle

from pithstore.pointer import Json
from pithstore.store import Store
from pithstore.store import open as open_store
from pithstore.torture.standing import Acknowledgements

SOURCES = 6
_BUILDERS = ("b1", "b2")


def records(choice: random.Random, count: int) -> Iterator[dict[str, Json]]:
    """Records that differ; one section is the same in all, one comes back after a while, one may be large."""
    for _ in range(count):
        body: list[Json] = [choice.randrange(10**9) for _ in range(choice.choice((1, 10, 100, 700)))]
        yield {
            "source": {"kind": "k", "id": str(choice.randrange(SOURCES))},
            "builder_version": choice.choice(_BUILDERS),
            "body": body,
            "again": ["again", choice.randrange(4)] * 60,
            "same": "s" * 700,
        }


def put(store: Store, said: Acknowledgements, choice: random.Random) -> None:
    """Put some records in one transaction, and acknowledge them."""
    for result in store.put_batch([store.arrival(record) for record in records(choice, 3)]):
        if result.stored:
            version = result.version
            said.say("put", version.source, version.number, version.snapshot.hex())


def compact(store: Store, _said: Acknowledgements, _choice: random.Random) -> None:
    """Write the store anew, densely."""
    store.compact()


DEEDS: dict[str, Callable[[Store, Acknowledgements, random.Random], None]] = {"put": put, "compact": compact}
"""What can be done to a store, by name."""


def run(path: str, acknowledgements: str, seed: int, deeds: Iterable[str]) -> None:
    """Open or make the store at that path and do these deeds, one after the other."""
    choice = random.Random(seed)
    said = Acknowledgements(acknowledgements)
    with open_store(path, create=True) as store:
        for deed in deeds:
            DEEDS[deed](store, said, choice)
    said.close()


def for_ever(path: str, acknowledgements: str, seed: int, deed: str) -> None:
    """Do that deed again and again, with a put between two."""
    run(path, acknowledgements, seed, cycle((deed, "put")))


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:])
