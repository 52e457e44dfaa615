"""What a store goes through while faults are made: records of a few sources, some sections shared, some large."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle

import attrs

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


@attrs.frozen
class Scene:
    """An open store, where it is, where what is done to it is acknowledged, and what chooses."""

    store: Store
    path: str
    said: Acknowledgements
    choice: random.Random

    @property
    def copy(self) -> str:
        """Where the copy of the store is."""
        return f"{self.path}.copy"


def put(at: Scene) -> None:
    """Put some records in one transaction, and acknowledge them."""
    for result in at.store.put_batch([at.store.arrival(record) for record in records(at.choice, 3)]):
        if result.stored:
            version = result.version
            at.said.say("put", version.source, version.number, version.snapshot.hex())


def compact(at: Scene) -> None:
    """Write the store anew, densely."""
    at.store.compact()


def forget(at: Scene) -> None:
    """Forget a version, the newest of its line or another."""
    versions = [version for source in at.store.sources() for version in at.store.history(source)]
    if versions:
        version = at.choice.choice(versions)
        at.said.say("dropping", version.source, version.number)
        at.store.forget(version)
        at.said.say("dropped", version.source, version.number)


def gc(at: Scene) -> None:
    """Remove what a forgotten version leaves."""
    forget(at)
    at.store.gc(apply=True)


def backup(at: Scene) -> None:
    """Copy what is new into a store beside it."""
    at.store.backup(at.copy)


def repair(at: Scene) -> None:
    """Repair what is not damaged, from the copy."""
    if not os.path.exists(os.path.join(at.copy, "CURRENT")):
        backup(at)
    at.store.repair(at.copy)


DEEDS: dict[str, Callable[[Scene], None]] = {
    "put": put,
    "compact": compact,
    "forget": forget,
    "gc": gc,
    "backup": backup,
    "repair": repair,
}
"""What can be done to a store, by name."""


def run(path: str, acknowledgements: str, seed: int, deeds: Iterable[str]) -> None:
    """Open or make the store at that path and do these deeds, one after the other."""
    said = Acknowledgements(acknowledgements)
    with open_store(path, create=True) as store:
        scene = Scene(store, path, said, random.Random(seed))
        for deed in deeds:
            DEEDS[deed](scene)
    said.close()


def for_ever(path: str, acknowledgements: str, seed: int, deed: str) -> None:
    """Do that deed again and again, with a put between two."""
    run(path, acknowledgements, seed, cycle((deed, "put")))


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:])
