"""Copies of stores: whole, incremental, of one moment, and nothing half after any interruption."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch as patched

import attrs
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pithstore import bulk
from pithstore import store as stores
from pithstore.arrivals import Arrival, Restored
from pithstore.codec import encode_version
from pithstore.configuration import Configuration
from pithstore.copying import agreement, missing
from pithstore.copying import copy as copying
from pithstore.copying.copy import copy
from pithstore.copying.cut import cut_now
from pithstore.digest import Digest
from pithstore.engine import Engine, Successor, T, Update
from pithstore.errors import Damaged, UsageError
from pithstore.fingerprint import fingerprint
from pithstore.ingest import Stored
from pithstore.keys import (
    BLOBS,
    CHECKS,
    PACKS,
    SOURCES,
    TAIL,
    VERSIONS,
    slot_key,
    source_key,
    source_slot,
    time_key,
    version_key,
)
from pithstore.limits import Limits
from pithstore.model import Line, Source, Version
from pithstore.report import BackupReport
from pithstore.reproduction.reproduce import record_check
from pithstore.seal import seal
from pithstore.store import Store
from pithstore.store import open as open_store
from pithstore.testing.machine import Rerunning
from pithstore.totals import add_totals, read_slots
from tests.store import children, copying_children
from tests.store.any_history import FIRST, HISTORIES, HOUR, Put
from tests.store.compacting import AFTER, BEFORE, LATER, Stopped, make_steps_small, put_all, stopping, told
from tests.store.shelves import (
    ENGINES,
    EngineName,
    delete_entry,
    entries_of,
    new_store,
    put_entry,
    record,
)
from tests.store.test_processes import process, received

LONG = bool(os.environ.get("PITHSTORE_LONG"))
K1, K2 = Source("k", "1"), Source("k", "2")


def back_up(source: Store, target: Store) -> BackupReport:
    """A backup from engine to engine."""
    return copy(source._engine, target._engine, source._engine.update(cut_now))


def check_copy(source: Store, target: Store) -> None:
    """Assert that both say the same, record by record, and that both verify."""
    assert told(target) == told(source)
    assert list(target.recorded_checks()) == list(source.recorded_checks())


@pytest.fixture(params=ENGINES)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """The store of the copies, on each engine."""
    with new_store(request.param, tmp_path / "copy") as target:
        yield target


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few versions take many transactions."""
    make_steps_small(monkeypatch)
    monkeypatch.setattr(bulk, "BATCH_RECORDS", 3)
    monkeypatch.setattr(missing, "_SOURCES_AT_ONCE", 2)
    monkeypatch.setattr(missing, "_VERSIONS_AT_ONCE", 2)
    monkeypatch.setattr(agreement, "_PAGE", 2)
    for name, size in (("_VERSIONS_AT_ONCE", 4), ("_BYTES_AT_ONCE", 2000), ("_CHECKS_AT_ONCE", 1)):
        monkeypatch.setattr(copying, name, size)


# A copy says what the store says.


@pytest.mark.parametrize("compacted", [False, True])
def test_a_copy_says_what_the_store_says(store: Store, target: Store, small: None, compacted: bool) -> None:
    for puts in (BEFORE, AFTER, LATER):
        before = target.stat()
        put_all(store, puts)
        if compacted:
            store.compact()
        report = back_up(store, target)
        assert report.ok
        assert report.problems == ()
        assert (report.versions, report.present) == (len(puts), before.versions)
        assert report.record_bytes == store.stat().canonical_bytes - before.canonical_bytes
        assert report.sources == len({(one["source"]["kind"], one["source"]["id"]) for one, _ in puts})  # type: ignore[index,call-overload]
        assert (
            int(report.fingerprint, 16)
            == sum(fingerprint(version) for source in store.sources() for version in store.history(source))
            % 2**256
        )
        check_copy(store, target)
        if compacted:
            target.compact()


def test_a_second_backup_writes_nothing(store: Store, target: Store, small: None) -> None:
    put_all(store, BEFORE)
    for found in store.reproduce(["k:1@1"], lambda _: record("1", x="another")):
        store.record_check(found)
    back_up(store, target)
    before = entries_of(target._engine)
    store.compact()
    report = back_up(store, target)
    assert report.ok
    assert (report.versions, report.sources, report.checks) == (0, 0, 0)
    assert entries_of(target._engine) == before


def test_slots_that_are_equal_are_not_looked_into(
    store: Store, target: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_all(store, BEFORE)
    back_up(store, target)
    monkeypatch.setattr(missing, "_scan_sources", None)
    assert back_up(store, target).ok
    store.put(record("1", x="new"))
    with pytest.raises(TypeError):
        back_up(store, target)


@pytest.mark.parametrize("names", [("memory", "lmdb"), ("lmdb", "memory")], ids=" to ".join)
@settings(
    max_examples=1000 if LONG else 30,
    phases=tuple(Phase) if LONG else (Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(
    rounds=st.lists(st.tuples(HISTORIES, st.booleans(), st.booleans()), min_size=1, max_size=4),
    rerun=st.booleans(),
    small_batches=st.booleans(),
)
def test_backups_of_any_history(
    names: tuple[EngineName, EngineName],
    rounds: list[tuple[list[Put], bool, bool]],
    rerun: bool,
    small_batches: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    directory = tmp_path_factory.mktemp("any")
    with (
        new_store(names[0], directory / "store") as store,
        new_store(names[1], directory / "copy") as target,
        patched.object(bulk, "BATCH_RECORDS", 2 if small_batches else 1000),
    ):
        moment = FIRST
        for puts, compact_store, compact_copy in rounds:
            for one, observed_at, step in puts:
                moment += step
                with patched("pithstore.store.datetime", _At(moment)):
                    store.put(one, observed_at=observed_at)
            if compact_store:
                store.compact()
            engine = Rerunning(target._engine) if rerun else target._engine
            report = copy(store._engine, engine, store._engine.update(cut_now))
            assert report.ok
            check_copy(store, target)
            if compact_copy:
                target.compact()


@attrs.frozen
class _At:
    """A clock that stands."""

    moment: datetime

    def now(self, _: object) -> datetime:
        return self.moment


def test_a_store_is_backed_up_into_a_directory(store: Store, tmp_path: Path) -> None:
    put_all(store, BEFORE)
    steps: list[tuple[int, int]] = []
    report = store.backup(tmp_path / "new", lambda *step: steps.append(step))
    assert report.ok
    assert steps[-1] == (len(BEFORE), len(BEFORE))
    put_all(store, AFTER)
    assert store.backup(str(tmp_path / "new")).versions == len(AFTER)
    with open_store(tmp_path / "new") as target:
        check_copy(store, target)
        assert target.configuration == store.configuration


def test_a_store_that_is_open_read_only_can_be_backed_up(tmp_path: Path) -> None:
    with open_store(tmp_path / "store", create=True) as store:
        put_all(store, BEFORE)
    with open_store(tmp_path / "store", readonly=True) as store:
        assert store.backup(tmp_path / "copy").versions == len(BEFORE)


def test_recorded_checks_are_copied(store: Store, target: Store, small: None) -> None:
    put_all(store, BEFORE)
    for found in store.reproduce(["k:1@1", "k:2@2", "k:1@3"], lambda _: record("1", x="another")):
        store.record_check(found)
    assert back_up(store, target).checks == 3
    check_copy(store, target)
    key, value = next(iter(entries_of(store._engine)[CHECKS].items()))
    (found,) = store.reproduce(["k:1@2"], lambda _: record("1", x="another"))
    record_check(store._engine, found, datetime.now(UTC) + timedelta(days=1))
    assert back_up(store, target).checks == 0, "it was made after the cut"
    put_entry(store._engine, CHECKS, (key, value[:-1] + bytes([value[-1] ^ 1])))
    delete_entry(target._engine, CHECKS, key)
    report = back_up(store, target)
    assert [problem.code for problem in report.problems] == ["check-damaged"]
    assert not report.ok
    assert (report.checks, report.agrees) == (0, True)


# One moment.


def test_what_is_put_later_is_not_in_the_copy(store: Store, target: Store) -> None:
    put_all(store, BEFORE)
    cut = store._engine.update(cut_now)
    put_all(store, AFTER)
    store.compact()
    put_all(store, LATER)
    report = copy(store._engine, target._engine, cut)
    assert report.ok
    assert report.versions == len(BEFORE)
    asked = store.within(as_recorded=cut.until)
    for source in target.sources():
        assert list(target.history(source)) == list(asked.history(source))
    assert list(target.sources()) == list(asked.sources())
    assert back_up(store, target).versions == len(AFTER) + len(LATER)
    check_copy(store, target)


class _Late:
    """An engine in whose way something is when it is told to write."""

    def __init__(self, engine: Engine, first: Callable[[], object]) -> None:
        self._engine, self._first = engine, first
        self.limits, self.view, self.close = engine.limits, engine.view, engine.close
        self.successor: Callable[[], Successor] = engine.successor
        self.stored_bytes, self.examine, self.former = engine.stored_bytes, engine.examine, engine.former

    def update(self, fn: Callable[[Update], T]) -> T:
        self._first()
        return self._engine.update(fn)


def test_a_writer_who_waited_for_his_turn_is_not_in_the_copy_in_part(store: Store, target: Store) -> None:
    put_all(store, BEFORE)
    reports: list[BackupReport] = []
    waiting = Store(_Late(store._engine, lambda: reports.append(back_up(store, target))))
    results = waiting.put_batch([Arrival(store.prepare(record(str(n), x="late"))) for n in range(5)])
    assert reports[0].ok
    assert all(result.version.recorded_at > reports[0].until for result in results)
    assert target.stat().versions == len(BEFORE)


def test_while_others_write_each_copy_is_of_one_moment(store: Store, target: Store, small: None) -> None:
    def write() -> None:
        for batch in range(200 if LONG else 30):
            store.put_batch([Arrival(store.prepare(one)) for one in children.batch_of(batch)])

    store.put_batch([Arrival(store.prepare(one)) for one in children.batch_of(10_000)])
    writer = threading.Thread(target=write)
    writer.start()
    try:
        while writer.is_alive():
            report = back_up(store, target)
            assert report.ok, report.problems
            histories = [list(target.history(source)) for source in target.sources()]
            assert len({len(history) for history in histories}) == 1, "a torn batch"
            assert all(version.recorded_at <= report.until for history in histories for version in history)
    finally:
        writer.join()
    back_up(store, target)
    check_copy(store, target)


# What is no copy is refused, and stays what it was.


def refused(store: Store, target: Store, *words: str) -> None:
    before = entries_of(target._engine)
    with pytest.raises(UsageError) as error:
        back_up(store, target)
    for word in words:
        assert word in str(error.value)
    assert entries_of(target._engine) == before


def test_a_store_of_another_history_is_refused(store: Store, target: Store) -> None:
    store.put(record("1", x=1))
    store.put(record("1", x=2))
    target.put(record("1", x=1))
    refused(store, target, "not a backup of this store", "k:1 version 1 differs")


def test_a_copy_that_went_a_way_of_its_own_is_refused(store: Store, target: Store) -> None:
    put_all(store, BEFORE)
    back_up(store, target)
    target.put(record("1", x="its own"))
    number = target.version("k:1").number
    refused(store, target, f"k:1 version {number} differs")
    store.put(record("1", x="the store's"))
    store.compact()
    refused(store, target, f"k:1 version {number} differs")
    store.put(record("2", x="more"))
    target.compact()
    refused(store, target, f"k:1 version {number} differs")


def test_a_source_that_the_store_never_had_is_refused(store: Store, target: Store) -> None:
    put_all(store, BEFORE)
    back_up(store, target)
    target.put(record("unheard of", x=1))
    refused(store, target, "k:unheard%20of version 1 differs")


def test_a_difference_further_back_is_found_by_the_fingerprint(store: Store, target: Store) -> None:
    with patched("pithstore.store.datetime", _At(FIRST)):
        store.put(record("1", x=1))
        target.put(record("1", x=0))
    with patched("pithstore.store.datetime", _At(FIRST + HOUR)):
        store.put(record("1", x=2))
        target.put(record("1", x=2))
    report = back_up(store, target)
    assert not report.ok
    assert [(problem.code, problem.source, problem.number) for problem in report.problems] == [
        ("copy-wrong", K1, 1)
    ]


@pytest.mark.parametrize("limits", [Limits(nesting=9), Limits(record_bytes=1000)])
def test_a_store_of_another_configuration_is_refused(
    engine_name: EngineName, tmp_path: Path, limits: Limits
) -> None:
    other = Configuration(limits=limits)
    with new_store(engine_name, tmp_path / "s") as store, new_store("memory", tmp_path / "t", other) as target:
        refused(store, target, "another profile or other limits")


def test_the_store_itself_is_refused(tmp_path: Path) -> None:
    for readonly in (False, True):
        with open_store(tmp_path / "store", create=not readonly, readonly=readonly) as store:
            (tmp_path / f"link {readonly}").symlink_to(tmp_path / "store")
            for same in (tmp_path / "store", tmp_path / "store" / "..", tmp_path / f"link {readonly}"):
                with pytest.raises(UsageError, match=r"is the store itself|not empty"):
                    store.backup(same)


def test_an_error_names_the_directory(tmp_path: Path) -> None:
    open_store(tmp_path / "other", create=True, limits=Limits(nesting=9)).close()
    with open_store(tmp_path / "store", create=True) as store, pytest.raises(UsageError, match="other: it was"):
        store.backup(tmp_path / "other")


def test_two_backups_at_once_do_not_mix(store: Store, target: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    put_all(store, BEFORE)
    once = iter([lambda: back_up(store, target)])
    late = _Late(target._engine, lambda: next(once, lambda: None)())
    with pytest.raises(UsageError, match="somebody else writes to it"):
        copy(store._engine, late, store._engine.update(cut_now))
    check_copy(store, target)


# What is damaged, and what is gone.


def flip(engine: Engine, space: str, key: bytes) -> bytes:
    """Change a bit of a value; what it was."""
    (value,) = engine.view(lambda view: view.get_many(space, [key]))
    assert value is not None
    put_entry(engine, space, (key, value[:-9] + bytes([value[-9] ^ 1]) + value[-8:]))
    return value


def versions_of(store: Store) -> dict[Source, int]:
    return {source: sum(1 for _ in store.history(source)) for source in store.sources()}


@pytest.mark.parametrize("what", ["section", "version", "name"])
def test_a_damaged_version_stops_its_source_alone(store: Store, target: Store, small: None, what: str) -> None:
    for n in range(4):
        store.put(record("1", x=f"a body that is alone {n}"))
        store.put(record("2", x=n))
    if what == "section":
        body = b'"a body that is alone 2"'
        space, key = BLOBS, bytes(Digest.of(body))
    else:
        space, key = VERSIONS, version_key(K1, 3)
    if what == "name":
        space, key = SOURCES, source_key(K1)
    was = flip(store._engine, space, key)
    expected = {K1: 2, K2: 4} if what != "name" else {K2: 4}
    for _ in range(2):
        report = back_up(store, target)
        assert versions_of(target) == expected
        assert not report.ok
        assert not report.agrees
        (problem, *others) = report.problems
        if what != "name":
            assert others == []
            assert problem.source == K1
            assert "k:1 version 3" in problem.message
            assert problem.number == (3 if what == "section" else None)
        else:
            assert problem.code == "source-damaged"
        assert target.verify().ok
        store.put(record("1", x="another that cannot be copied"))
        store.put(record("2", x="another that can"))
        expected[K2] += 1
    put_entry(store._engine, space, (key, was))
    assert back_up(store, target).ok
    check_copy(store, target)


def test_a_version_that_is_not_what_its_record_says_stops_its_source(store: Store, target: Store) -> None:
    for n in range(4):
        store.put(record("1", x=n))
        store.put(record("2", x=n))
    key = version_key(K1, 2)
    forged = encode_version(attrs.evolve(store.version("k:1@2"), builder_version="another"))
    put_entry(store._engine, VERSIONS, (key, seal(VERSIONS, key, forged)))
    report = back_up(store, target)
    assert [(problem.source, problem.number) for problem in report.problems] == [(K1, 2)]
    assert versions_of(target) == {K1: 1, K2: 4}
    assert target.verify().ok


class _Forgetful(_Late):
    """An engine that does not hold what was written to it."""

    def update(self, fn: Callable[[Update], T]) -> T:
        done = self._engine.update(fn)
        self._first()
        return done


def test_each_version_is_read_again_from_the_copy(store: Store, target: Store, small: None) -> None:
    put_all(store, BEFORE)

    def damage() -> None:
        (newest,) = target._engine.view(lambda view: view.scan(TAIL, limit=1, reverse=True))
        flip(target._engine, TAIL, newest[0])

    with pytest.raises(Damaged):
        copy(store._engine, _Forgetful(target._engine, damage), store._engine.update(cut_now))


def test_a_source_without_its_name_is_said(store: Store, target: Store) -> None:
    put_all(store, BEFORE)
    delete_entry(store._engine, SOURCES, source_key(K1))
    report = back_up(store, target)
    assert not report.ok
    assert ["has no name" in problem.message for problem in report.problems] == [True]


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_damaged_frames_stop_their_sources_alone(store: Store, target: Store, small: None, part: float) -> None:
    put_all(store, BEFORE)
    store.compact()
    put_all(store, AFTER)
    entries = entries_of(store._engine)[PACKS]
    key, value = next(iter(entries.items()))
    at = int(part * len(value))
    put_entry(store._engine, PACKS, (key, value[:at] + bytes(16) + value[at + 16 :]))
    report = back_up(store, target)
    assert not report.ok
    stopped = {problem.source for problem in report.problems}
    for source in set(store.sources()) - stopped:
        assert list(target.history(source)) == list(store.history(source))
        for version in target.history(source):
            assert target.get_bytes(version) == store.get_bytes(version)
    assert stopped < set(store.sources())
    assert target.verify().ok
    put_entry(store._engine, PACKS, (key, value))
    assert back_up(store, target).ok
    check_copy(store, target)


def test_totals_that_are_damaged_do_not_stop_a_backup(store: Store, target: Store) -> None:
    put_all(store, BEFORE)
    flip(store._engine, "totals", slot_key(source_slot(K1)))
    assert back_up(store, target).ok
    assert versions_of(target) == versions_of(store)
    assert target.verify().ok


def test_a_copy_that_is_damaged_says_so(store: Store, target: Store) -> None:
    put_all(store, BEFORE)
    back_up(store, target)
    put_all(store, AFTER)
    newest = target.version("k:1")
    flip(target._engine, VERSIONS, version_key(K1, newest.number))
    with pytest.raises(Damaged):
        back_up(store, target)


def forget(engine: Engine, version: Version) -> None:
    """Take a version out of the index as whoever forgets one would; what it named stays."""

    def write(update: Update) -> None:
        line = Line(version.source, version.builder_version)
        gone = [version_key(version.source, version.number), time_key(line, version.observed_at, version.number)]
        assert update.delete_many(VERSIONS, gone) == 2
        slot = source_slot(version.source)
        totals = read_slots(update)[slot]
        less = attrs.evolve(totals, fingerprint=(totals.fingerprint - fingerprint(version)) % 2**256)
        delete = attrs.evolve(less, versions=totals.versions - 1)
        update.delete_many("totals", [slot_key(slot)])
        add_totals(update, {slot: delete})

    engine.update(write)


def test_what_the_store_forgets_stays_in_the_copy(store: Store, target: Store) -> None:
    put_all(store, BEFORE)
    back_up(store, target)
    was = told(target)
    forget(store._engine, store.version("k:1@3"))
    report = back_up(store, target)
    assert report.ok
    assert (report.kept, report.present) == (1, len(BEFORE) - 1)
    assert told(target) == was
    forget(store._engine, store.version("k:2@2"))
    store.put(record("1", x="after it"))
    assert back_up(store, target).kept == 2
    assert target.version("k:1").number == store.version("k:1").number
    with new_store("memory", Path()) as second:
        report = back_up(store, second)
        assert report.ok
        assert report.kept == 0
        assert [version.number for version in second.history("k:1")] == [
            version.number for version in store.history("k:1")
        ]


# Interrupted.


def test_a_backup_that_stops_anywhere_is_gone_on_with(store: Store, small: None, tmp_path: Path) -> None:
    put_all(store, BEFORE)
    whole, step = False, 0
    while not whole:
        step += 1 if LONG else 5
        with new_store("memory", tmp_path) as target:
            try:
                copy(store._engine, stopping(target._engine, step), store._engine.update(cut_now))
                whole = True
            except Stopped:
                present = target.stat().versions
                assert target.verify().ok
                for source in target.sources():
                    mine = list(target.history(source))
                    assert list(store.history(source))[: len(mine)] == mine
                report = back_up(store, target)
                assert report.ok
                assert (report.present, report.versions) == (present, len(BEFORE) - present)
            check_copy(store, target)
    assert step > 20


@pytest.mark.process
def test_a_backup_that_is_killed_is_gone_on_with(tmp_path: Path) -> None:
    path, directory = tmp_path / "store", tmp_path / "copy"
    open_store(path, create=True).close()
    for cycle in range(100 if LONG else 3):
        with process(copying_children.back_up_for_ever, path, directory) as (child, pipe):
            assert received(pipe) == "begins"
            time.sleep(random.Random(cycle).uniform(0, 0.1))
            child.kill()
            child.join(60)
        with open_store(path) as store:
            assert store.verify().ok
            if directory.exists() and (directory / "CURRENT").exists():
                with open_store(directory) as target:
                    assert target.verify().ok
                    for source in target.sources():
                        mine = list(target.history(source))
                        assert list(store.history(source))[: len(mine)] == mine
            assert store.backup(directory).ok
            with open_store(directory) as target:
                check_copy(store, target)


def test_a_backup_reads_no_clock_of_the_copy(store: Store, target: Store) -> None:
    """Times are the store's own, however late it is copied."""
    with patched.object(stores, "datetime", _At(FIRST)):
        store.put(record("1", x=1))
    back_up(store, target)
    (version,) = target.history("k:1")
    assert (version.recorded_at, version.observed_at) == (FIRST, FIRST)


def test_memory_does_not_grow_with_the_store(store: Store, target: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """No transaction is given more than a batch, and no view more than a page."""
    monkeypatch.setattr(bulk, "BATCH_BYTES", 20_000)
    monkeypatch.setattr(copying, "_BYTES_AT_ONCE", 20_000)
    for n in range(60):
        store.put(record(str(n % 7), x=os.urandom(2000).hex()))
    sizes: list[int] = []
    write = copying._Copying._store

    def measured(self: copying._Copying, update: Update, arrivals: Sequence[Restored]) -> Stored:
        sizes.append(sum(arrival.prepared.size for arrival in arrivals))
        return write(self, update, arrivals)

    monkeypatch.setattr(copying._Copying, "_store", measured)
    assert back_up(store, target).versions == 60
    assert max(sizes) < 30_000
    assert sum(sizes) == store.stat().canonical_bytes
