"""Entries that are sealed and are not what was written, as a bug or an attacker leaves them.

Their checksums are right, so all that stands between them and whoever asks is what decodes them.  Whatever is
asked of such a store is answered, or refused by an error of ours; no record comes out that its snapshot hash does
not name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from random import Random
from unittest.mock import patch

import pytest

from pithstore.compaction import dictionary
from pithstore.engine import Engine
from pithstore.engine.memory import MemoryEngine
from pithstore.errors import PithstoreError
from pithstore.keys import BLOBS, MANIFESTS, META, PACKS, PLACES, SOURCES, SPACES, TAIL, TOTALS, VERSIONS
from pithstore.seal import SEAL_BYTES, seal
from pithstore.store import Store
from tests.fuzz.harness import mutations
from tests.store.answers import answers
from tests.store.compacting import FIRST, HOUR, SHARED, Put, declaring, put_all
from tests.store.shelves import Entries, entries_of, new_store, record, replace_entries

TRIALS = 40
BUILDERS = ("b1", "b2")
LONG = "longer than a value of the tail " * 600
PACKED: list[Put] = [
    *((record("1", x=n, big=[SHARED, n // 2], claims=declaring([n])), None) for n in range(3)),
    (record("1", builder="b2", x=2, big=[SHARED, 0]), None),
    (record("2", version={"version": 1.0}, big=[SHARED, 1], x="early"), FIRST - HOUR),
]
LOOSE: list[Put] = [
    (record("1", x=9, big=[SHARED, 9], claims=declaring([])), None),
    (record("1", builder="b2", x=0, big=[SHARED, 0]), FIRST),
    (record("3" * 300, kind="kind\0\n", version={"version": "v2"}, long=LONG), None),
]


@lru_cache(maxsize=1)
def whole() -> Entries:
    """Everything in a store of runs, frames and loose versions."""
    store = new_store("memory", Path())
    put_all(store, PACKED)
    with patch.object(dictionary, "_LEAST", 256):
        store.compact()
    put_all(store, LOOSE)
    return entries_of(store._engine)


def engine_of(entries: Entries) -> Engine:
    engine = MemoryEngine(SPACES)
    replace_entries(engine, entries)
    return engine


def forged(space: str, random: Random) -> Iterator[Entries]:
    """The store with one entry of a space that says something else under a right checksum."""
    entries = whole()
    items = sorted(entries[space].items())
    payloads = [value[:-SEAL_BYTES] for _, value in items]
    for n, payload in enumerate(mutations(payloads, random)):
        key, value = random.choice(items)
        if n % 4 == 3:  # under a key that says something else, with what was there or with another payload
            (moved,) = islice(mutations([key for key, _ in items], random), 1)
            key, payload = moved[:400] or b"\0", random.choice([value[:-SEAL_BYTES], payload])
        elif n % 2:
            (payload,) = islice(mutations([value[:-SEAL_BYTES]], random), 1)
        yield entries | {space: entries[space] | {key: seal(space, key, payload)}}


def check_records(store: Store) -> None:
    for source in store.sources():
        with suppress(PithstoreError):
            for version in store.history(source):
                with suppress(PithstoreError):
                    record_bytes = store.get_bytes(f"{source}@{version.number}")
                    named = store.version(f"{source}@{version.number}").snapshot
                    assert sha256(record_bytes).digest() == named


ASKED: tuple[Callable[[Store], object], ...] = (
    lambda store: answers(store, BUILDERS),
    check_records,
    lambda store: store.verify(),
    lambda store: store.put(record("1", x="new")),
    lambda store: store.put(PACKED[0][0]),
    lambda store: store.rebuild_ledger(),
    lambda store: store.compact(),
    lambda store: store.verify(),
)


def ask_everything(entries: Entries) -> None:
    with suppress(PithstoreError):
        store = Store(engine_of(entries))
        for ask in ASKED:
            with suppress(PithstoreError):
                ask(store)


@pytest.mark.parametrize("space", [space for space in SPACES if space in whole() and whole()[space]])
def test_a_forged_entry_is_refused_or_answered(space: str) -> None:
    for entries in islice(forged(space, Random(space)), TRIALS):
        ask_everything(entries)


def test_the_forged_entries_are_of_every_space_that_a_store_uses() -> None:
    assert all(
        whole()[space] for space in (META, TAIL, BLOBS, MANIFESTS, VERSIONS, SOURCES, TOTALS, PACKS, PLACES)
    )
