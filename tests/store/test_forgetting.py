"""Forgetting and collecting: beside others, interrupted anywhere, and what is said of it."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Event

import pytest

from pithstore.canonical import canonical
from pithstore.collecting import collect as collecting
from pithstore.collecting.collect import gc
from pithstore.compaction.compact import compact
from pithstore.digest import Digest
from pithstore.engine import Engine
from pithstore.engine.memory import MemorySuccessor
from pithstore.errors import NotFound, StoreBusy
from pithstore.forgetting import forget as forgetting
from pithstore.forgetting.forget import Chosen, forget
from pithstore.forgetting.policy import KeepLast
from pithstore.keys import BLOBS, META, REUSED
from pithstore.model import Source
from pithstore.pointer import Json
from pithstore.profile import PITH
from pithstore.store import Store
from pithstore.store import open as open_store
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
from tests.store.compacting_children import Acknowledged, check_all, put_some, write_until_told
from tests.store.forgetting_children import forget_for_ever, forget_round
from tests.store.shelves import EngineName, entries_of, new_store, record, replace_entries
from tests.store.test_processes import PATIENCE, process, received

LONG = bool(os.environ.get("PITHSTORE_LONG"))
ROUNDS = 60 if LONG else 8
KILLS = 150 if LONG else 10
RECORDS = 3000 if LONG else 90

KEEP_ONE = Chosen(policy=KeepLast(1))


def _forget_all_but_one(engine: Engine) -> None:
    forget(engine, KEEP_ONE, PITH, lambda _: None)


def _collect(engine: Engine) -> None:
    gc(engine, lambda _done, _all: None)


def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    make_steps_small(monkeypatch)
    monkeypatch.setattr(forgetting, "_VERSIONS_AT_ONCE", 2)
    monkeypatch.setattr(collecting, "_BLOBS_AT_ONCE", 3)
    monkeypatch.setattr(collecting, "_VALUES_AT_ONCE", 1)


def _packed_half(store: Store) -> None:
    put_all(store, BEFORE)
    store.compact()
    put_all(store, AFTER)


def _left(store: Store) -> object:
    """What a store says, but for how much of it nothing reaches."""
    histories, records, _totals, logs, stat, declared = told(store)  # type: ignore[misc]
    return histories, records, logs, stat.versions, stat.snapshots, declared  # type: ignore[has-type]


@pytest.mark.parametrize("work", [_forget_all_but_one, _collect], ids=["forget", "gc"])
def test_interrupted_anywhere_it_can_be_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: Callable[[Engine], None]
) -> None:
    _small(monkeypatch)
    store = new_store("memory", tmp_path)
    _packed_half(store)
    if work is _collect:
        store.forget(keep_last=1)
    before, said = entries_of(store._engine), _left(store)
    work(store._engine)
    done = _left(store)
    assert (work is _collect) == (done == said)
    finished, steps = False, 0
    while not finished:
        steps += 1
        replace_entries(store._engine, before)
        stopped = stopping(store._engine, steps)
        try:
            work(stopped)
            finished = True
        except Stopped:
            pass
        _left(store)  # it verifies
        put_all(store, LATER)
        _left(store)
        work(store._engine)
        _left(store)
    assert steps > 20
    with pytest.raises(NotFound):
        store.get("k:1@1")


@pytest.mark.parametrize(
    "again",
    [
        [*BEFORE, (record("new", x=77, big=[SHARED, 1], own="o" * 700), None)],
        [(record("0 another source", claims=declaring([1])), None)],
    ],
    ids=["all", "what another source forgot"],
)
def test_what_is_put_at_any_step_of_a_gc_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: list[Put]
) -> None:
    """Content that nothing reached when it was put, new content, and both in one."""
    _small(monkeypatch)
    with new_store("memory", tmp_path) as store:
        put_all(store, BEFORE)
        store.forget(keep_last=1)
        store.forget("k:2@4")
        before = entries_of(store._engine)
        step, reached = 0, True
        acknowledged: Acknowledged = []
        while reached:
            step += 1
            replace_entries(store._engine, before)
            acknowledged = []

            def tell(now: int, step: int = step, acknowledged: Acknowledged = acknowledged) -> None:
                if now != step:
                    return
                for one, _ in again:
                    version = store.put(one).version
                    acknowledged.append((str(version.source), version.number, version.snapshot))

            stepping = Stepping(store._engine, tell)
            gc(stepping, lambda _done, _all: None)
            reached = stepping.steps > step
            check_all(store, acknowledged)
            told(store)
            assert not entries_of(store._engine)[REUSED]
            store.compact()
            check_all(store, acknowledged)
            told(store)
        assert step > 20
        assert not acknowledged


@pytest.mark.parametrize("writers", [1, 2])
def test_threads_put_while_others_forget_and_collect(
    engine_name: EngineName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writers: int
) -> None:
    _small(monkeypatch)
    enough = Event()

    def write(store: Store, writer: int) -> Acknowledged:
        numbers, acknowledged = count(), Acknowledged()
        while not enough.is_set() and len(acknowledged) < RECORDS:
            acknowledged += put_some(store, writer, numbers, 3)
        return acknowledged

    with new_store(engine_name, tmp_path / "store") as store, ThreadPoolExecutor(writers) as pool:
        writing = [pool.submit(write, store, n) for n in range(writers)]
        rounds = count()
        try:
            for _ in range(ROUNDS):
                forget_round(store, rounds)
        finally:
            enough.set()
        acknowledged = [one for each in writing for one in each.result(PATIENCE)]
        check_all(store, acknowledged)
        told(store)
        store.gc(apply=True)
        assert store.gc().blobs == 0
        check_all(store, acknowledged)
        told(store)


@pytest.mark.process
def test_a_process_puts_while_another_forgets_and_collects(tmp_path: Path) -> None:
    path = tmp_path / "store"
    open_store(path, create=True).close()
    with process(write_until_told, path, 1) as (_, pipe):
        assert received(pipe) == "ready"
        with open_store(path) as store:
            rounds = count()
            for _ in range(ROUNDS):
                forget_round(store, rounds)
        pipe.send("enough")
        acknowledged = received(pipe)
    assert isinstance(acknowledged, list)
    assert acknowledged
    with open_store(path) as store:
        check_all(store, acknowledged)
        told(store)
        store.compact()
        check_all(store, acknowledged)
        told(store)


@pytest.mark.process
def test_killed_at_any_moment_it_loses_nothing_that_was_to_be_kept(tmp_path: Path) -> None:
    path, chance = tmp_path / "store", random.Random(17)
    acknowledged: Acknowledged = []
    numbers = count()
    with open_store(path, create=True) as store:
        acknowledged += put_some(store, 1, numbers, 30)
    for _ in range(KILLS):
        with process(forget_for_ever, path) as (child, pipe):
            for _ in range(chance.randrange(1, 60)):
                received(pipe)
            child.kill()
            child.join(PATIENCE)
        with open_store(path) as store:
            check_all(store, acknowledged)
            told(store)
            acknowledged += put_some(store, 1, numbers, 3)
    with open_store(path) as store:
        store.gc(apply=True)
        assert store.gc().blobs == 0
        store.compact()
        check_all(store, acknowledged)
        told(store)
        entries = entries_of(store._engine)
        assert not entries[REUSED]
        assert b"collecting" not in entries[META]


# One at a time.


@pytest.mark.parametrize("work", [_forget_all_but_one, _collect, compact], ids=["forget", "gc", "compact"])
def test_who_comes_second_is_told(store: Store, work: Callable[[Engine], object]) -> None:
    put_all(store, BEFORE)
    refused = 0

    def busy(*_: object) -> None:
        nonlocal refused
        refused += 1
        with pytest.raises(StoreBusy):
            work(store._engine)

    store.forget(keep_last=1, told=busy)
    store.gc(busy, apply=True)
    store.compact(busy)
    assert refused > 3
    told(store)


def test_a_gc_that_died_is_begun_anew(store: Store) -> None:
    put_all(store, BEFORE)
    store.forget(keep_last=1)
    gone = store.gc().blobs
    for steps in count():
        with pytest.raises(Stopped):
            _collect(stopping(store._engine, steps))
        if b"collecting" in entries_of(store._engine)[META]:
            break
    assert put_some(store, 1, count(), 2)
    assert entries_of(store._engine)[REUSED]
    found = store.gc(apply=True)
    assert 0 < found.blobs <= gone
    entries = entries_of(store._engine)
    assert not entries[REUSED]
    assert b"collecting" not in entries[META]
    told(store)


@pytest.mark.parametrize("killed", [False, True])
def test_an_interrupted_compaction_is_begun_anew_after_a_forget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    """What it packed has versions that are no more; a forget that is killed does not discard it."""
    if killed:
        monkeypatch.setattr(MemorySuccessor, "discard", MemorySuccessor.close)
    steps, interrupted = 7, True
    while interrupted:
        steps += 1
        with new_store("memory", tmp_path) as store:
            put_all(store, BEFORE)
            interrupted = False
            try:
                compact(stopping(store._engine, steps))
            except Stopped:
                interrupted = True
            store.forget(keep_last=1)
            said = _left(store)
            store.compact()
            assert _left(store) == said
            assert store.gc().blobs == 0
    assert steps > 12


# What is said of it.


def test_compaction_removes_what_nothing_reaches(store: Store) -> None:
    put_all(store, BEFORE)
    store.compact()
    store.forget(keep_last=1)
    said, blobs = _left(store), store.stat().blobs
    store.compact()
    assert _left(store) == said
    assert store.stat().blobs < blobs
    assert (store.gc().blobs, store.gc().values) == (0, 0)


def test_numbers_and_moments_go_on_in_a_compacted_store(store: Store) -> None:
    for n in range(3):
        store.put(record(x=n))
    store.compact()
    (last,) = [version for version in store.history("k:1") if version.number == 3]
    store.forget(last)
    for _ in range(2):
        store.compact()
        told(store)
    with pytest.raises(NotFound, match="k:1 version 3 was forgotten"):
        store.get("k:1@3")
    version = store.put(record(x=9)).version
    assert version.number == 4
    assert version.recorded_at >= last.recorded_at


@pytest.mark.parametrize("packed", [False, True])
def test_a_section_outlives_the_source_that_brought_it(store: Store, packed: bool) -> None:
    """Be it copied into the frame of another source, or named by it."""
    sections: list[Json] = ["s" * 300, [SHARED, 0]]
    for identity in ("1", "2"):
        store.put(record(identity, small=sections[0], big=sections[1]))
    if packed:
        store.compact()
    store.forget("k:1@1")

    def check() -> None:
        told(store)
        for section in sections:
            body = canonical(section)
            assert store.blob(Digest.of(body)) == body

    assert store.gc(apply=True).blobs == 1
    check()
    for n in range(3):
        store.compact()
        check()
        assert bool(entries_of(store._engine)[BLOBS]) == packed
        store.put(record("3", x=n))
    store.put(record("2", small=sections[0], big=sections[1], x="again"))
    store.gc(apply=True)
    check()
    store.compact()
    check()
    assert not entries_of(store._engine)[BLOBS]


def test_a_dry_run_writes_nothing(store: Store) -> None:
    _packed_half(store)
    before = entries_of(store._engine)
    found = store.forget(keep_last=1, dry_run=True)
    assert found.versions > 5
    assert entries_of(store._engine) == before
    store.forget(keep_last=1)
    before = entries_of(store._engine)
    assert store.gc().blobs > 5
    assert entries_of(store._engine) == before


def test_collecting_writes_for_what_it_removes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second gc writes nothing but its mark."""
    _small(monkeypatch)
    _packed_half(store)
    store.forget(keep_last=1)
    store.gc(apply=True)
    before = entries_of(store._engine)
    store.gc(apply=True)
    after = entries_of(store._engine)
    assert {space for space, items in after.items() if items != before[space]} <= {META}
    assert after[META].keys() == before[META].keys()


def test_a_text_that_was_forgotten_is_put_again(store: Store) -> None:
    """Its hash goes with it; the version that is the newest then has none."""
    texts = [json.dumps(record(x=n)) for n in (1, 2)]
    assert store.put_many(texts).versions == 2
    store.forget("k:1@2")
    assert store.put_many(texts).versions == 1
    assert [version.number for version in store.history("k:1")] == [1, 3]


def test_a_line_falls_back_to_a_version_in_an_older_frame(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    make_steps_small(monkeypatch)
    for x, builder in enumerate(("b1", "b1", "b2", "b2", "b2", "b1")):
        store.put(record(builder=builder, x=x))
    store.compact()
    store.forget("k:1@6")
    store.compact()
    told(store)
    text = json.dumps(record(builder="b1", x=1))
    for _ in range(2):
        summary = store.put_many([text])
        assert (summary.versions, summary.sections) == (0, 3)


def test_times_are_told_as_if_it_had_never_been(store: Store) -> None:
    def put(x: int, hour: int) -> int | None:
        result = store.put(record(x=x), observed_at=FIRST + hour * HOUR)
        return result.version.number if result.stored else None

    assert [put(1, 0), put(2, 2), put(1, 4)] == [1, 2, 3]
    assert [put(1, 1), put(2, 2), put(2, 3)] == [None, None, None]
    store.forget("k:1@2")
    assert store.version(f"k:1@{(FIRST + 3 * HOUR).isoformat()}").number == 1
    assert [put(1, 1), put(1, 3), put(2, 2)] == [None, None, 4]
    told(store)


def test_every_version_of_a_source_may_go(store: Store) -> None:
    put_all(store, BEFORE)
    for packed in (False, True):
        if packed:
            store.compact()
        history = list(store.history("k:2"))
        last = history[-1]
        assert store.forget(*history).versions == len(history)
        told(store)
        with pytest.raises(NotFound, match=f"every version of k:2 was forgotten.* is number {last.number + 1}$"):
            store.get("k:2")
        assert Source("k", "2") not in list(store.sources())
        store.compact()
        told(store)
        put_all(store, BEFORE)
        again = next(store.history("k:2"))
        assert again.number == last.number + 1
        assert again.recorded_at >= last.recorded_at
        told(store)


def test_what_is_declared_is_told_since_the_version_before(store: Store) -> None:
    claims = [declaring([1]), declaring([1], right=False), declaring([1])]
    for section in claims:
        store.put(record(claims=section))
    assert [finding.outcome.drift for finding in store.declared_findings()] == [
        None,
        "same though declared changed",
        "same though declared changed",
    ]
    store.forget("k:1@2")
    assert [finding.outcome.drift for finding in store.declared_findings()] == [None, None]
    told(store)
