"""Compaction: the same store in fewer bytes, whatever happens meanwhile."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count, islice
from pathlib import Path

import pytest

from pithstore.compaction.compact import compact
from pithstore.declared.report import _count_page
from pithstore.engine import Engine
from pithstore.engine.lmdb import LmdbEngine
from pithstore.engine.memory import MemoryEngine
from pithstore.errors import StoreBusy
from pithstore.keys import BLOBS, CHANGED, MANIFESTS, SPACES, TAIL
from pithstore.pointer import Json
from pithstore.store import Store
from tests.store.compacting import (
    AFTER,
    BEFORE,
    FIRST,
    HOUR,
    LATER,
    SHARED,
    Put,
    Stepping,
    Stopped,
    declaring,
    make_steps_small,
    put_all,
    stopping,
    told,
)
from tests.store.shelves import EngineName, entries_of, new_store, record, replace_entries

LONG = bool(os.environ.get("PITHSTORE_LONG"))


def test_a_compacted_store_says_what_it_said(store: Store) -> None:
    put_all(store, BEFORE)
    said = told(store)
    report = store.compact()
    assert told(store) == said
    assert report.versions == store.stat().versions
    assert (report.before_bytes > report.after_bytes) == (store.stat().stored_bytes == report.after_bytes)
    entries = entries_of(store._engine)
    assert not any(entries[space] for space in (TAIL, BLOBS, MANIFESTS, CHANGED))


def test_a_compacted_store_goes_on(store: Store, tmp_path: Path) -> None:
    with new_store("memory", tmp_path / "never compacted") as other:
        for puts in (BEFORE, AFTER, LATER):
            for one, observed_at in puts:
                result, expected = store.put(one, observed_at=observed_at), other.put(one, observed_at=observed_at)
                assert (result.stored, result.new_sections) == (expected.stored, expected.new_sections)
                assert (result.version.number, result.version.snapshot) == (
                    expected.version.number,
                    expected.version.snapshot,
                )
            store.compact()
            assert {s: [v.snapshot for v in store.history(s)] for s in store.sources()} == {
                s: [v.snapshot for v in other.history(s)] for s in other.sources()
            }
            told(store)


def test_an_empty_store_is_compacted(store: Store) -> None:
    assert store.compact().versions == 0
    put_all(store, BEFORE)
    told(store)


def test_compacting_again_packs_nothing_and_takes_the_same_bytes(store: Store) -> None:
    put_all(store, BEFORE)
    store.compact()
    before = entries_of(store._engine)
    report = store.compact()
    assert report.versions == 0
    after = entries_of(store._engine)
    del before["meta"], after["meta"]  # another writer was numbered
    assert after == before


# Stopped at any point, and gone on with.


def half_compacted(engine_name: EngineName, directory: Path) -> Store:
    """A store of which a part is packed, with more behind it."""
    store = new_store(engine_name, directory)
    put_all(store, BEFORE)
    store.compact()
    put_all(store, AFTER)
    return store


def steps_of_a_compaction(store: Store) -> int:
    stepping = stopping(store._engine, 100_000)
    compact(stepping)
    return stepping.steps


class Copies:
    """Stores that are the same, half compacted, each to be spoilt once."""

    def __init__(self, engine_name: EngineName, directory: Path) -> None:
        self._name = engine_name
        self._numbers = count()
        self._directory = directory
        with half_compacted(engine_name, directory / "original") as store:
            self.said = told(store)
            self._entries = entries_of(store._engine)
        with self.opened() as store:
            self.steps = steps_of_a_compaction(store)
            assert told(store) == self.said
        every = 1 if engine_name == "memory" or LONG else 7
        self.some_steps = range(0, self.steps, every)
        """All of them, or as many as there is time for."""

    @contextmanager
    def opened(self) -> Iterator[Store]:
        """One of them.  In the end there is one generation of it."""
        copy = self._directory / f"copy {next(self._numbers)}"
        if self._name == "memory":
            engine: Engine = MemoryEngine(SPACES)
            replace_entries(engine, self._entries)
        else:
            shutil.copytree(self._directory / "original", copy)
            engine = LmdbEngine.open(copy, SPACES)
        with Store(engine) as store:
            yield store
        assert self._name == "memory" or len(list(copy.glob("gen-*"))) == 1
        shutil.rmtree(copy, ignore_errors=True)


@pytest.fixture
def copies(engine_name: EngineName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Copies:
    make_steps_small(monkeypatch)
    return Copies(engine_name, tmp_path)


def test_a_compaction_is_stopped_at_any_point_and_gone_on_with(copies: Copies) -> None:
    assert copies.steps > 60
    for step in copies.some_steps:
        with copies.opened() as store:
            with pytest.raises(Stopped):
                compact(stopping(store._engine, step))
            assert told(store) == copies.said, step
            put_all(store, LATER[: step % 4])
            now = told(store)
            for _ in range(2):
                store.compact()
                assert told(store) == now, step


def test_what_is_put_between_any_two_steps_is_kept(copies: Copies, tmp_path: Path) -> None:
    def puts(n: int) -> list[Put]:
        """Of sources that are packed first and last and new ones, with large sections that nobody had."""
        between: Json = ["another long section " * 60, n]
        return [
            (record("1", x=0, same="s" * 300, big=[SHARED, 0]), None),
            *((record(identity, x=n, big=between), None) for identity in ("0 first of all", "n5", "~")),
            (record("2", x=n) if n else record("2", x=n, claims=declaring([n])), FIRST + n * HOUR),
        ]

    with new_store("memory", tmp_path / "plain") as plain:
        put_all(plain, [*BEFORE, *AFTER, *(put for n in range(3) for put in puts(n))])
        expected = contents(plain)
        plain.put(record("2", claims=declaring([9])))
        declared = plain.declared()
    for first in {*copies.some_steps, copies.steps - 2}:
        with copies.opened() as store:
            left = iter(range(3))

            def tell(step: int, store: Store = store, first: int = first, left: Iterator[int] = left) -> None:
                if first <= step < first + 3:
                    put_all(store, puts(next(left)))

            compact(Stepping(store._engine, tell))
            put_all(store, [put for n in left for put in puts(n)])
            assert contents(store) == expected, first
            now = told(store)
            store.compact()
            assert told(store) == now, first
            store.put(record("2", claims=declaring([9])))  # the version before declares nothing
            assert store.declared() == declared


@pytest.mark.parametrize("seed", range(20))
def test_a_compaction_that_is_stopped_again_and_again_comes_to_its_end(
    engine_name: EngineName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    make_steps_small(monkeypatch)
    chance = random.Random(seed)
    with half_compacted(engine_name, tmp_path / "store") as store:
        for one, observed_at in LATER:
            with suppress(Stopped):
                compact(stopping(store._engine, chance.randrange(60)))
            store.put(one, observed_at=observed_at)
        said = told(store)
        for steps in count(1):
            try:
                compact(stopping(store._engine, steps))
                break
            except Stopped:
                assert steps % 10 or told(store) == said
        assert told(store) == said


# Others go on meanwhile.


def test_many_puts_while_compactions_go_on(
    engine_name: EngineName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_steps_small(monkeypatch)
    with (
        half_compacted(engine_name, tmp_path / "store") as store,
        new_store("memory", tmp_path / "plain") as plain,
    ):
        put_all(plain, [*BEFORE, *AFTER])
        puts = iter([(record(f"{n % 4}", x=n, big=["long " * 300, n % 3]), None) for n in range(1000)] + LATER)

        def progress(_done: int, _all: int) -> None:
            for one, observed_at in islice(puts, 3):
                store.put(one, observed_at=observed_at)
                plain.put(one, observed_at=observed_at)

        for _ in range(3):
            store.compact(progress)
        assert contents(store) == contents(plain)
        told(store)


def contents(store: Store) -> object:
    """What was put, apart from when."""
    return [
        (str(source), version.number, version.builder_version, store.get_bytes(f"{source}@{version.number}"))
        for source in store.sources()
        for version in store.history(source)
    ]


def test_one_compaction_at_a_time(engine_name: EngineName, tmp_path: Path) -> None:
    with half_compacted(engine_name, tmp_path / "store") as store:
        said = told(store)
        refused = []

        def progress(_done: int, _all: int) -> None:
            with pytest.raises(StoreBusy) as error:
                store.compact()
            refused.append(str(error.value))

        store.compact(progress)
        assert refused
        assert told(store) == said


def test_a_compaction_is_told_that_the_ledger_was_counted_anew(
    engine_name: EngineName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_steps_small(monkeypatch)
    with half_compacted(engine_name, tmp_path / "store") as store:
        said = told(store)
        with pytest.raises(StoreBusy, match=r"counted anew.*again"):
            store.compact(lambda _done, _all: store.rebuild_ledger())
        assert told(store) == said
        store.compact()
        assert told(store) == said


def test_a_compaction_between_two_steps_of_a_rebuild_or_around_one(
    engine_name: EngineName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_steps_small(monkeypatch)
    with half_compacted(engine_name, tmp_path / "store") as store:
        said = told(store)
        store.rebuild_ledger(lambda _: expect_report(store.compact()))
        assert told(store) == said
        with pytest.raises(Stopped):
            store.rebuild_ledger(stop)
        count_page = partial(_count_page, profile=store.configuration.profile)
        with pytest.raises(StoreBusy, match="counted anew"):
            store.compact(lambda _done, _all: expect_report(store._engine.update(count_page)))
        store.rebuild_ledger()
        store.compact()
        assert told(store) == said


def stop(_: int) -> None:
    raise Stopped


def expect_report(_: object) -> None:
    """Whatever it is, it came."""
