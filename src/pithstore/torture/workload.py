"""What a store goes through while faults are made: records of a few sources, some sections shared, some large."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence

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


def put(store: Store, said: Acknowledgements, choice: random.Random, count: int = 3) -> None:
    """Put some records in one transaction, and acknowledge them."""
    for result in store.put_batch([store.arrival(record) for record in records(choice, count)]):
        if result.stored:
            version = result.version
            said.say("put", version.source, version.number, version.snapshot.hex())


def run(path: str, acknowledgements: str, seed: int, steps: Sequence[str]) -> None:
    """Open or make the store at that path and take these steps, `put` or `compact`, one after the other."""
    choice = random.Random(seed)  # noqa: S311 - so that it can be done again
    said = Acknowledgements(acknowledgements)
    with open_store(path, create=True) as store:
        for step in steps:
            if step == "compact":
                store.compact()
            else:
                put(store, said, choice)
    said.close()


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:])
