"""Repair: random damage of every kind, mended from another copy: the content is what it was."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from pithstore.copying.copy import copy
from pithstore.copying.cut import cut_now
from pithstore.engine import Engine
from pithstore.keys import SPACES
from pithstore.repairing.repair import repair
from pithstore.store import Store
from tests.store.compacting import AFTER, BEFORE, LATER, make_steps_small, put_all, told
from tests.store.shelves import (
    EngineName,
    delete_entry,
    entries_of,
    new_engine,
    new_store,
    put_entry,
    record,
)

STORES = 1000 if os.environ.get("PITHSTORE_LONG") else 20


def filled(engine: Engine, state: int) -> Store:
    """A store that is loose, compacted, or both."""
    store = Store(engine)
    put_all(store, BEFORE)
    if state:
        store.compact()
        put_all(store, AFTER)
    if state == 2:
        store.compact()
        put_all(store, LATER)
    if state == 3:
        store.compact()
    for found in store.reproduce(["k:1@1"], lambda _: record("1", x="another")):
        store.record_check(found)
    return store


def damage(engine: Engine, chance: random.Random, times: int) -> list[tuple[str, bytes, str]]:
    """Take entries away, or flip a bit in them: of each space as often as of the others."""
    done = []
    for _ in range(times):
        entries = entries_of(engine)
        space = chance.choice([space for space in SPACES if entries[space]])
        key = chance.choice(sorted(entries[space]))
        value = bytearray(entries[space][key])
        if chance.random() < 0.4 or not value:
            delete_entry(engine, space, key)
            done.append((space, key, "deleted"))
        else:
            at = chance.randrange(len(value))
            value[at] ^= 1 << chance.randrange(8)
            put_entry(engine, space, (key, bytes(value)))
            done.append((space, key, "flipped"))
    return done


def content(store: Store) -> tuple[object, object]:
    return told(store), list(store.recorded_checks())


@pytest.mark.parametrize("seed", range(STORES))
def test_random_damage_is_mended_from_a_copy(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    if chance.random() < 0.5:
        make_steps_small(monkeypatch)
    name: EngineName = "lmdb" if seed % 10 == 0 else "memory"
    store = filled(new_engine(name, tmp_path / "store"), seed % 4)
    mirror = new_store("memory", tmp_path)
    copy(store._engine, mirror._engine, store._engine.update(cut_now))
    if chance.random() < 0.5:
        mirror.compact()
    was = content(store)
    engine = store._engine
    done = damage(engine, chance, chance.choice([1, 1, 2, 3, 5, 8, 20]))
    report = repair(engine, mirror._engine)
    assert report.ok, (done, report.verified.problems)
    assert content(Store(engine)) == was, done
