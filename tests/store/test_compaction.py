"""Compaction: the same store in fewer bytes, whatever happens meanwhile."""

from __future__ import annotations

import random
import shutil
from contextlib import suppress
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
from pithstore.keys import BLOBS, CHANGED, MANIFESTS, PACKS, SPACES, TAIL
from pithstore.store import Store
from tests.store.compacting import AFTER, BEFORE, LATER, Stopped, Stopping, make_steps_small, put_all, told
from tests.store.shelves import EngineName, entries_of, new_store, record, replace_entries


def test_a_compacted_store_says_what_it_said(store: Store) -> None:
    put_all(store, BEFORE)
    said = told(store)
    report = store.compact()
    assert told(store) == said
    assert report.versions == store.stat().versions
    assert (report.before_bytes > report.after_bytes) == (store.stat().stored_bytes == report.after_bytes)
    entries = entries_of(store._engine)
    assert not entries[TAIL] and not entries[BLOBS] and not entries[MANIFESTS] and not entries[CHANGED]


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
    stopping = Stopping(store._engine, 10_000)
    compact(stopping)
    return 10_000 - stopping.left


def generations(directory: Path) -> int:
    return len(list(directory.glob("gen-*")))


def test_a_compaction_is_stopped_at_any_point_and_gone_on_with(
    engine_name: EngineName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_steps_small(monkeypatch)
    with half_compacted(engine_name, tmp_path / "whole") as whole:
        first = entries_of(whole._engine)
        said = told(whole)
        shutil.copytree(tmp_path / "whole", tmp_path / "copy") if engine_name == "lmdb" else None
        steps = steps_of_a_compaction(whole)
        assert told(whole) == said
    assert steps > 60
    for step in range(steps):
        directory = tmp_path / f"stopped at {step}"
        if engine_name == "lmdb":
            shutil.copytree(tmp_path / "copy", directory)
            engine: Engine = LmdbEngine.open(directory, SPACES)
        else:
            engine = MemoryEngine(SPACES)
            replace_entries(engine, first)
        with pytest.raises(Stopped):
            compact(Stopping(engine, step))
        if engine_name == "lmdb":
            engine.close()
            engine = LmdbEngine.open(directory, SPACES)
        with Store(engine) as store:
            assert told(store) == said, step
            put_all(store, LATER[: step % 4])
            now = told(store)
            store.compact()
            assert told(store) == now, step
            store.compact()
            assert told(store) == now, step
        assert engine_name == "memory" or generations(directory) == 1
        shutil.rmtree(directory, ignore_errors=True)


@pytest.mark.parametrize("seed", range(20))
def test_a_compaction_that_is_stopped_again_and_again_comes_to_its_end(
    engine_name: EngineName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    make_steps_small(monkeypatch)
    chance = random.Random(seed)
    with half_compacted(engine_name, tmp_path / "store") as store:
        for one, observed_at in LATER:
            with suppress(Stopped):
                compact(Stopping(store._engine, chance.randrange(60)))
            store.put(one, observed_at=observed_at)
        said = told(store)
        for steps in count(1):
            try:
                compact(Stopping(store._engine, steps))
                break
            except Stopped:
                assert steps % 10 or told(store) == said
        assert told(store) == said


# Others go on meanwhile.


def test_what_is_put_while_a_compaction_goes_on_is_kept(
    engine_name: EngineName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_steps_small(monkeypatch)
    with (
        half_compacted(engine_name, tmp_path / "store") as store,
        new_store("memory", tmp_path / "plain") as plain,
    ):
        put_all(plain, [*BEFORE, *AFTER])
        puts = iter([(record(f"{n % 4}", x=n, big=["long " * 200, n % 3]), None) for n in range(1000)] + LATER)

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
