"""Generations: who follows, who keeps the old one, what is removed, and what a process that dies leaves behind."""

from __future__ import annotations

import errno
import functools
import multiprocessing
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

import lmdb
import pytest

from pithstore.engine import Engine, Item, Update, View, generations
from pithstore.engine.generations import current_stamp, move_current
from pithstore.engine.lmdb import LmdbEngine, open_generation, successor
from pithstore.engine.lmdb.successor import LmdbSuccessor
from pithstore.errors import StorageFailed, StoreBusy, UsageError
from pithstore.testing.engine_tests import (
    EVERYTHING,
    SPACES,
    bump,
    count,
    items_of,
    number_key,
    run_processes,
    watch,
)
from pithstore.testing.successor_contract import add_nothing, copy_all, renew
from tests.engine.lmdb_stores import data_file, process, refused, stay_in_view

LONG = bool(os.environ.get("PITHSTORE_LONG"))
MIB = 2**20
TIMES = 200 if LONG else 20
KILLS = 150 if LONG else 12


def generations_of(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("gen-*"))


def add(tx: Update) -> int:
    """The next number, and an entry of its own for it."""
    number = bump(tx)
    tx.put_many("left", [entry(number)])
    return number


def entry(number: int) -> Item:
    return b"n" + number_key(number), b"%d " % number * (10 + number * 37 % 200)


def assert_nothing_is_lost(engine: Engine, last: int) -> None:
    assert engine.view(count) >= last
    assert engine.view(lambda view: view.scan("left", prefix=b"n", limit=EVERYTHING)) == [
        entry(number) for number in range(1, engine.view(count) + 1)
    ]


# What runs in other processes.


def renew_once(directory: Path, marker: bytes) -> None:
    def fn(view: View, tx: Update) -> None:
        copy_all(view, tx)
        tx.put_many("right", [(b"marker", marker)])

    with closing(LmdbEngine.open(directory, SPACES)) as engine, closing(engine.successor()) as next_one:
        next_one.take_over(fn)


def renew_times(directory: Path, times: int) -> None:
    with closing(LmdbEngine.open(directory, SPACES)) as engine:
        for _ in range(times):
            renew(engine)
            time.sleep(0.01)


def add_numbers(directory: Path, times: int) -> None:
    with closing(LmdbEngine.open(directory, SPACES)) as engine:
        for _ in range(times):
            engine.update(add)


def follow(directory: Path, last: int, readonly: bool) -> None:
    with closing(LmdbEngine.open(directory, SPACES, readonly=readonly)) as engine:
        watch(engine, last)


def add_when_told(arrived: threading.Event, directory: Path, pipe: Connection) -> None:
    """Be in the generation that counts, and write when told to."""
    with closing(LmdbEngine.open(directory, SPACES)) as engine:
        engine.view(count)
        arrived.set()
        pipe.recv()
        pipe.send(engine.update(add))
        pipe.recv()


def hold_successor(arrived: threading.Event, directory: Path) -> None:
    with closing(LmdbEngine.open(directory, SPACES)) as engine:
        engine.successor().update(bump)
        arrived.set()
        time.sleep(60)


def fork_beside_successor(arrived: threading.Event, directory: Path, pipe: Connection) -> None:
    """A process that writes a successor, with a forked child that does nothing; both stay."""
    with closing(LmdbEngine.open(directory, SPACES)) as engine:
        engine.successor().update(bump)
        if os.fork():
            arrived.set()
        else:
            pipe.send(os.getpid())
        time.sleep(60)
        os._exit(0)


def renew_for_ever(arrived: threading.Event, directory: Path) -> None:
    """Write successors in several steps, one after the other, going on with what is found."""
    with closing(LmdbEngine.open(directory, SPACES)) as engine:
        while True:
            with closing(engine.successor()) as next_one:
                for space in SPACES:
                    page = engine.view(lambda view, space=space: view.scan(space, limit=EVERYTHING))  # type: ignore[misc]
                    for start in range(0, len(page), 50):
                        part = page[start : start + 50]
                        next_one.update(lambda tx, space=space, part=part: tx.put_many(space, part))  # type: ignore[misc]
                next_one.take_over(copy_all)
            arrived.set()


def die_at(directory: Path, where: str, after: bool) -> None:
    """Renew, and be killed before or after the step of that name."""
    module, _, name = where.partition(":")
    place = {"successor": successor, "generations": generations, "os": os, "map": open_generation.OpenGeneration}
    real = getattr(place[module], name)

    @functools.wraps(real)
    def fatal(*arguments: object, **options: object) -> object:
        if after:
            real(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("this process is dead")

    with closing(LmdbEngine.open(directory, SPACES)) as engine:
        setattr(place[module], name, fatal)
        renew(engine)


# Following.


@pytest.mark.process
@pytest.mark.parametrize("next_call", ["view", "update"])
def test_a_new_generation_is_followed(engine: LmdbEngine, directory: Path, next_call: str) -> None:
    """Whoever begins after another process moved CURRENT is in the new generation, and lets go of the old."""
    engine.update(bump)
    with closing(LmdbEngine.open(directory, SPACES)) as second:
        run_processes((renew_once, (directory, b"new")))
        assert generations_of(directory) == ["gen-000001", "gen-000002"]
        if next_call == "view":
            assert second.view(lambda view: view.get_many("right", [b"marker"])) == [b"new"]
        assert second.update(bump) == 2
        assert items_of(engine, "right")[1] == (b"marker", b"new")
        assert generations_of(directory) == ["gen-000002"]
    with closing(LmdbEngine.open(directory, SPACES)) as reopened:
        assert reopened.view(count) == 2


@pytest.mark.process
def test_a_view_stays_in_its_generation(engine: LmdbEngine, directory: Path) -> None:
    """A view that began before another process moved CURRENT sees its state to the end."""
    engine.update(bump)

    def fn(view: View) -> None:
        run_processes((renew_once, (directory, b"new")))
        assert view.get_many("right", [b"marker"]) == [None]
        assert count(view) == 1

    engine.view(fn)
    assert items_of(engine, "right")[1] == (b"marker", b"new")


@pytest.mark.process
def test_a_writer_that_waited_writes_to_the_new_generation(engine: LmdbEngine, directory: Path) -> None:
    """An update that waits for the lock while a successor takes over is in the successor, not in the old."""
    engine.update(add)
    mine, theirs = multiprocessing.get_context("spawn").Pipe()
    with process(add_when_told, directory, theirs), closing(engine.successor()) as next_one:

        def fn(view: View, tx: Update) -> int:
            mine.send("write")
            time.sleep(0.5)  # long enough for it to come to the lock
            assert not mine.poll()
            return copy_all(view, tx)

        assert next_one.take_over(fn) == 1
        assert mine.recv() == 2
        assert_nothing_is_lost(engine, 2)
        mine.send("leave")


@pytest.mark.process
def test_successors_beside_writers_and_readers(engine: LmdbEngine, directory: Path) -> None:
    """All processes follow, nothing acknowledged is lost, time does not run back, one generation is left."""
    stop = threading.Event()
    mine: list[int] = []
    each = 40 * TIMES // 20

    def write() -> None:
        while not stop.is_set():
            mine.append(engine.update(add))
            time.sleep(0.005)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        run_processes(
            (add_numbers, (directory, each)),
            (add_numbers, (directory, each)),
            (follow, (directory, 2 * each, True)),
            (follow, (directory, 2 * each, False)),
            (renew_times, (directory, TIMES)),
            seconds=200,
        )
    finally:
        stop.set()
        thread.join(30)
    assert engine.view(count) == 2 * each + len(mine)
    assert_nothing_is_lost(engine, 2 * each + len(mine))
    assert generations_of(directory) == [f"gen-{TIMES + 1:06d}"]


def test_the_stamp_of_current_never_comes_back(at_rest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However quickly CURRENT moves, whoever remembers an earlier one sees that it did: inodes come back."""
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        written = real(descriptor, data)
        os.utime(descriptor, ns=(10**18, 10**18))  # as on a kernel whose clock for files ticks slowly
        return written

    monkeypatch.setattr(os, "write", write)
    stamps = set()
    for _ in range(100):
        move_current(str(at_rest), "gen-000001")
        stamps.add(current_stamp(str(at_rest)))
    assert len(stamps) == 100


# Who has the old generation open keeps it.


@pytest.mark.process
def test_a_reader_keeps_its_generation(engine: LmdbEngine, directory: Path) -> None:
    """A generation that another process has open stays, and goes with the first sweep after it was left."""
    engine.update(bump)
    with process(stay_in_view, directory) as reader:
        renew(engine)
        engine.update(bump)
        renew(engine)
        assert generations_of(directory) == ["gen-000001", "gen-000003"]
        with closing(lmdb.open(str(directory / "gen-000001"), lib_version=0, readonly=True, max_dbs=4)) as raw:
            assert len(raw.readers().splitlines()) > 1
        reader.kill()
        reader.join()
    engine.close()
    LmdbEngine.open(directory, SPACES, readonly=True).close()
    assert generations_of(directory) == ["gen-000001", "gen-000003"]
    with closing(LmdbEngine.open(directory, SPACES)) as engine:
        assert generations_of(directory) == ["gen-000003"]
        assert engine.view(count) == 2


def test_a_view_of_this_process_keeps_its_generation(engine: LmdbEngine, directory: Path) -> None:
    """It goes when the next transaction begins."""
    inside, leave = threading.Event(), threading.Event()

    def fn(_: View) -> None:
        inside.set()
        assert leave.wait(30)

    reader = threading.Thread(target=engine.view, args=(fn,))
    reader.start()
    assert inside.wait(30)
    renew(engine)
    assert generations_of(directory) == ["gen-000001", "gen-000002"]
    leave.set()
    reader.join(30)
    engine.view(count)
    assert generations_of(directory) == ["gen-000002"]


def test_links_and_strangers_are_left(engine: LmdbEngine, directory: Path, tmp_path: Path) -> None:
    """A sweep removes the files of generations, never what a link leads to and nothing else that lies there."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "data.mdb").write_text("mine")
    (directory / "gen-000000").symlink_to(elsewhere)
    (directory / "gen-000009").symlink_to(elsewhere)
    (directory / "gen-1").mkdir()
    (directory / "gen-000001" / "notes").write_text("mine")
    (directory / "gen-000008").write_text("mine")
    renew(engine)
    assert (elsewhere / "data.mdb").read_text() == "mine"
    assert os.listdir(directory / "gen-000001") == ["notes"]
    assert generations_of(directory) == [
        *("gen-000000", "gen-000001", "gen-000002", "gen-000008", "gen-000009", "gen-1")
    ]
    (directory / "gen-000003").symlink_to(elsewhere)
    with refused(StorageFailed, "gen-000003"):
        renew(engine)
    assert (elsewhere / "data.mdb").read_text() == "mine"
    assert engine.update(bump) == 1


def test_half_removed(engine: LmdbEngine, directory: Path) -> None:
    """What a process that died while sweeping left is removed by the next."""
    renew(engine)
    for number, name in ((0, "lock.mdb"), (1, None)):
        (directory / f"gen-{number:06d}").mkdir()
        if name:
            (directory / f"gen-{number:06d}" / name).touch()
    engine.close()
    with closing(LmdbEngine.open(directory, SPACES)):
        assert generations_of(directory) == ["gen-000002"]


# What is gone on with, and what is begun anew.


@pytest.mark.process
def test_one_successor_over_all_processes(engine: LmdbEngine, directory: Path) -> None:
    """Another process is told at once that one is open; when its process is killed, it is gone on with."""
    with process(hold_successor, directory) as holder:
        start = time.monotonic()
        with refused(StoreBusy, directory):
            engine.successor()
        assert time.monotonic() - start < 1
        assert engine.update(bump) == 1
        holder.kill()
        holder.join()
        with closing(engine.successor()) as next_one:
            assert not next_one.fresh
            assert next_one.view(count) == 1


@pytest.mark.process
def test_a_forked_child_does_not_keep_the_successor(engine: LmdbEngine, directory: Path) -> None:
    """When its process is killed it is free, though a child that was forked beside it lives on."""
    mine, theirs = multiprocessing.get_context("spawn").Pipe()
    with process(fork_beside_successor, directory, theirs) as holder:
        orphan = mine.recv()
        try:
            holder.kill()
            holder.join()
            assert renew(engine) == 1
        finally:
            os.kill(orphan, signal.SIGKILL)


def cut(file: Path) -> None:
    os.truncate(file, 5000)


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def garbage(file: Path) -> None:
    file.write_bytes(bytes(range(256)) * 100)


def without_data(file: Path) -> None:
    file.unlink()


def a_former_store(file: Path) -> None:
    """A generation that was the store once, as where CURRENT was put back from a copy."""
    shutil.copy(file.parent.parent / "gen-000001" / "data.mdb", file)


@pytest.mark.parametrize("change", [cut, emptied, garbage, without_data, a_former_store])
def test_what_cannot_be_gone_on_with(engine: LmdbEngine, directory: Path, change: Callable[[Path], None]) -> None:
    """A next generation that is not a sound successor in the making is begun anew, and none beyond it stays."""
    engine.update(add)
    with closing(engine.successor()) as next_one:
        next_one.update(add)
    change(directory / "gen-000002" / "data.mdb")
    shutil.copytree(directory / "gen-000001", directory / "gen-000003")
    with closing(engine.successor()) as next_one:
        assert next_one.fresh
        assert generations_of(directory) == ["gen-000001", "gen-000002"]
        assert next_one.take_over(copy_all) == 1
    assert_nothing_is_lost(engine, 1)
    assert generations_of(directory) == ["gen-000002"]


def test_current_moved_by_another_hand(engine: LmdbEngine, directory: Path) -> None:
    """A successor of what does not count any more does not take over."""
    with closing(engine.successor()) as next_one:
        shutil.copytree(directory / "gen-000001", directory / "gen-000005")
        move_current(str(directory), "gen-000005")
        with refused(StoreBusy, directory):
            next_one.take_over(add_nothing)
    assert engine.update(bump) == 1
    assert data_file(directory).parent.name == "gen-000005"


def test_read_only_handles_have_none(at_rest: Path) -> None:
    """A handle that reads only begins no successor, and sweeps nothing."""
    (at_rest / "gen-000000").mkdir()
    with closing(LmdbEngine.open(at_rest, SPACES, readonly=True)) as engine:
        with refused(UsageError, "read-only"):
            engine.successor()
        assert generations_of(at_rest) == ["gen-000000", "gen-000001"]


# Growth, and media that are full.


def test_growth_of_both(directory: Path) -> None:
    """A small map grows under a successor's update and under its `take_over`, whose function runs again."""
    LmdbEngine.create(directory, SPACES).close()
    with (
        closing(LmdbEngine.open(directory, SPACES, map_size=MIB)) as engine,
        closing(engine.successor()) as next_one,
    ):
        runs: list[int] = []

        def fn(view: View, tx: Update) -> int:
            runs.append(copy_all(view, tx))
            return tx.create_many("left", [(b"larger", bytes(20 * MIB))])

        engine.update(bump)
        next_one.update(lambda tx: tx.put_many("left", [(b"large", bytes(9 * MIB))]))
        assert next_one.take_over(fn) == 1
        assert len(runs) > 1
        assert [len(value) for _, value in items_of(engine)] == [8, 9 * MIB, 20 * MIB]
        assert engine.update(bump) == 2


def test_full_medium(tmp_path: Path, mount: Callable[..., None]) -> None:
    """A disk that fills up refuses the successor in words; the store is untouched, and has its space back."""
    place = tmp_path / "small"
    place.mkdir()
    mount("-t", "tmpfs", "-o", "size=3m", "none", str(place))
    with closing(LmdbEngine.create(place / "store", SPACES)) as engine:
        engine.update(add)

        def fill(next_one: LmdbSuccessor) -> None:
            for number in range(1000):
                next_one.update(lambda tx, number=number: tx.put_many("left", [(b"%d" % number, bytes(50_000))]))  # type: ignore[misc]

        with closing(engine.successor()) as next_one:
            with refused(StorageFailed, "full"):
                fill(next_one)
            assert engine.view(count) == 1
        with closing(engine.successor()) as next_one:
            assert not next_one.fresh
            with refused(StorageFailed, "full"):
                next_one.take_over(lambda _, tx: tx.put_many("left", [(b"large", bytes(2 * MIB))]))
            next_one.discard()
        assert_nothing_is_lost(engine, 1)
        assert engine.update(add) == 2
        assert renew(engine) == 2
        assert_nothing_is_lost(engine, 2)


@pytest.mark.parametrize("step", ["sync_directory", "move_current"])
def test_current_cannot_be_moved(
    engine: LmdbEngine, directory: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The store is as it was; the successor takes over when it can, or is discarded."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    engine.update(add)
    for end in ("discard", "take_over"):
        with closing(engine.successor()) as next_one:
            with monkeypatch.context() as patched:
                patched.setattr(successor, step, fail)
                with refused(StorageFailed, "full"):
                    next_one.take_over(copy_all)
            assert engine.update(add) in (2, 3)
            getattr(next_one, end)(*([copy_all] if end == "take_over" else []))
    assert_nothing_is_lost(engine, 3)
    assert generations_of(directory) == ["gen-000002"]


@pytest.mark.parametrize("again", [False, True])
def test_interrupted_after_current_was_moved(
    engine: LmdbEngine, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    """Ctrl-C at the worst moment, and again: the successor is the store, and discarding it removes nothing."""

    def move_and_stop(root: str, generation: str) -> None:
        move_current(root, generation)
        raise KeyboardInterrupt

    def stop(_: str) -> None:
        raise KeyboardInterrupt

    engine.update(add)
    with closing(engine.successor()) as next_one:
        with monkeypatch.context() as patched:
            patched.setattr(successor, "move_current", move_and_stop)
            if again:
                patched.setattr(successor, "read_current", stop)
            with pytest.raises(KeyboardInterrupt):
                next_one.take_over(copy_all)
        next_one.discard()
    assert engine.update(add) == 2
    assert_nothing_is_lost(engine, 2)


# Processes that die.


STEPS = ["map:mark_unfinished", "map:try_finish", "successor:sync_directory", "successor:move_current"]
STEPS += ["os:rename", "os:unlink", "os:rmdir", "generations:remove_files"]


@pytest.mark.process
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("where", STEPS)
def test_killed_at(directory: Path, where: str, after: bool) -> None:
    """Whichever step was the last: the store opens with all that it had, and in the end nothing is left over."""
    with closing(LmdbEngine.create(directory, SPACES)) as engine:
        for number in range(1, 101):
            assert engine.update(add) == number
    context = multiprocessing.get_context("spawn")
    child = context.Process(target=die_at, args=(directory, where, after))
    child.start()
    child.join(30)
    assert child.exitcode == -signal.SIGKILL
    for _ in range(2):
        with closing(LmdbEngine.open(directory, SPACES, readonly=True)) as engine:
            assert_nothing_is_lost(engine, 100)
        with closing(LmdbEngine.open(directory, SPACES)) as engine:
            with closing(engine.successor()) as next_one:
                assert next_one.view(count) == 0, "something of a take_over is in the successor"
            assert renew(engine) == 100
            assert_nothing_is_lost(engine, 100)
    assert sorted(os.listdir(directory)) == ["CURRENT", "RECEIPT", data_file(directory).parent.name, "write.lock"]


@pytest.mark.process
def test_killed_at_any_moment(engine: LmdbEngine, directory: Path) -> None:
    """Whoever writes successors is killed again and again, beside a writer: nothing acknowledged is lost."""
    chance = random.Random(11)
    acknowledged = 0
    for _ in range(KILLS):
        with process(renew_for_ever, directory) as child:
            end = time.monotonic() + chance.uniform(0, 0.15)
            while time.monotonic() < end:
                acknowledged = engine.update(add)
            child.kill()
            child.join()
        assert_nothing_is_lost(engine, acknowledged)
    renew(engine)
    assert_nothing_is_lost(engine, acknowledged)
    assert engine.view(count) == acknowledged
    assert sorted(os.listdir(directory)) == ["CURRENT", "RECEIPT", data_file(directory).parent.name, "write.lock"]
