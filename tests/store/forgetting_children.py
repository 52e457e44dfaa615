"""What the tests of forgetting run in other processes."""

from __future__ import annotations

from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from pithstore.pointer import Json
from pithstore.store import Store
from pithstore.store import open as open_store
from tests.store.compacting import make_steps_small
from tests.store.shelves import Record, record


def passing(n: int) -> Record:
    """The n-th record of sources that are forgotten: its sections are those of others too, now and then."""
    shared: Json = ["a section that all have " * 60, n % 5]
    return record(f"passing {n % 3}", x=n % 6, state=n // 9 % 3, shared=shared, own=f"{n} " * 300)


def forget_round(store: Store, numbers: count[int]) -> None:
    """Put some, forget most, collect, and now and then compact."""
    first = next(numbers)
    store.put_many(passing(10 * first + i) for i in range(10))
    if first % 5 == 4:
        store.compact()
    if first % 3 == 2:
        everything = [version for source in store.sources() for version in store.history(source)]
        store.forget(*[version for version in everything if version.source.id.startswith("passing")])
    else:
        store.forget(keep_last=1, sources=[each for each in store.sources() if each.id.startswith("passing")])
    store.gc(apply=True)


def forget_for_ever(pipe: Connection, path: Path) -> None:
    """Round after round in small steps, and tell of each step of a gc."""
    make_steps_small(pytest.MonkeyPatch())
    with open_store(path) as store:
        start = sum(1 for _ in store.sources())
        for n in count(start):
            pipe.send("begins")
            store.put_many(passing(10 * n + i) for i in range(10))
            if n % 4 == 3:
                store.compact(lambda done, _: pipe.send(done))
            store.forget(
                keep_last=1 + n % 2,
                sources=[each for each in store.sources() if each.id.startswith("passing")],
                told=lambda versions: pipe.send(len(versions)),
            )
            store.gc(lambda done, _: pipe.send(done), apply=True)
            pipe.send("ends")
