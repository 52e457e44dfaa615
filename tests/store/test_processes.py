"""Several processes and threads on one store, and processes that die at any moment."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from pithstore.errors import UsageError
from pithstore.store import Store
from pithstore.store import open as open_store
from pithstore.testing.machine_store import definition
from tests.store import children
from tests.store.shelves import EngineName, new_store, record

CYCLES = 300 if os.environ.get("PITHSTORE_LONG") else 20
PATIENCE = 60

pytestmark = pytest.mark.process


@contextlib.contextmanager
def process(function: Callable[..., None], *arguments: object) -> Iterator[tuple[BaseProcess, Connection]]:
    """The function in a process of its own, and the pipe to it."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=function, args=(theirs, *arguments))
    child.start()
    theirs.close()
    try:
        yield child, ours
    finally:
        child.kill()
        child.join(PATIENCE)
        ours.close()


def received(pipe: Connection) -> object:
    assert pipe.poll(PATIENCE), "the other process said nothing"
    return pipe.recv()


def last_received(pipe: Connection) -> int:
    """The last number in the pipe of a process that is gone."""
    last = -1
    with contextlib.suppress(EOFError):
        while True:
            number = pipe.recv()
            assert isinstance(number, int)
            last = number
    return last


def check_batches(path: Path, acknowledged: int, at_most: int) -> int:
    """Every batch is there whole or not at all, from the first on; how many there are."""
    with open_store(path) as store:
        report = store.verify()
        assert report.problems == ()
        counts = {store.version(f"k:{source}").number for source in range(children.SOURCES)}
        assert len(counts) == 1, "a torn batch"
        (count,) = counts
        assert acknowledged <= count <= at_most
        assert report.versions == count * children.SOURCES
        for batch in {0, count // 2, max(0, acknowledged - 1), count - 1}:
            for source, one in enumerate(children.batch_of(batch)):
                assert store.get_bytes(f"k:{source}@{batch + 1}") == definition(one)
        assert [version.number for version in store.history("k:0")] == list(range(1, count + 1))
    return count


@pytest.fixture
def path(tmp_path: Path) -> Path:
    open_store(tmp_path / "store", create=True).close()
    return tmp_path / "store"


@pytest.mark.parametrize("way", ["put_batch", "put_many"])
def test_a_writer_killed_at_any_moment_loses_nothing_acknowledged(path: Path, way: str) -> None:
    put = children.put_batches if way == "put_batch" else children.put_stream
    unacknowledged = 1 if way == "put_batch" else children.MANY // children.SOURCES
    with open_store(path) as store:
        store.put_many(children.batch_of(0))
    count = 1
    for cycle in range(CYCLES // 2):
        with process(put, path, count) as (child, pipe):
            acknowledged = received(pipe)
            assert acknowledged == count
            time.sleep(random.Random(cycle).uniform(0, 0.15))
            child.kill()
            child.join(PATIENCE)
            acknowledged = max(count, last_received(pipe))
        count = check_batches(path, acknowledged, acknowledged + unacknowledged)
    assert count > CYCLES


def test_ctrl_c_in_a_put_leaves_a_valid_store_that_goes_on(path: Path) -> None:
    count = 0
    for cycle in range(6):
        with process(children.put_until_interrupted, path, count) as (child, pipe):
            assert received(pipe) == count
            time.sleep(random.Random(cycle).uniform(0.01, 0.1))
            assert child.pid is not None
            os.kill(child.pid, signal.SIGINT)
            count_before, told = count, received(pipe)
            assert isinstance(told, int)
            child.join(PATIENCE)
            assert child.exitcode == 0
        count = check_batches(path, told, told)
        assert count > count_before


def test_two_writers_on_one_source_share_its_numbers(path: Path) -> None:
    each = 60
    with (
        process(children.put_some, path, "b1", each) as (_, one),
        process(children.put_some, path, "b2", each) as (
            _,
            two,
        ),
    ):
        for pipe in (one, two):
            pipe.send("go")
        numbers = [one.recv(), two.recv()]
    assert numbers == [sorted(some) for some in numbers]
    with open_store(path) as store:
        history = list(store.history("k:0"))
        assert [version.number for version in history] == list(range(1, 2 * each + 1))
        recorded = [version.recorded_at for version in history]
        assert recorded == sorted(recorded)
        for builder, some in zip(("b1", "b2"), numbers, strict=True):
            said = [version.number for version in history if version.builder_version == builder]
            assert said == some
            for n, number in enumerate(said):
                assert store.get(f"k:0@{number}") == children.numbered(n, 0, builder)
        assert store.verify().ok


def test_readers_beside_a_writer_see_whole_versions_only(path: Path) -> None:
    with open_store(path) as store:
        store.put(children.numbered(0, 0))
        with process(children.watch, path, 1.0) as (_, one), process(children.watch, path, 1.0) as (_, two):
            for pipe in (one, two):
                received(pipe)
            written = 1
            while not (one.poll() and two.poll()):
                store.put(children.numbered(written, 0))
                written += 1
            reads = [received(one), received(two)]
        assert all(isinstance(count, int) and count > 10 for count in reads)
        assert store.version("k:0").number == written


def test_a_forked_child_is_told_and_does_no_harm(path: Path) -> None:
    with process(children.fork_with_open_store, path) as (child, pipe):
        told = received(pipe)
        assert isinstance(told, list)
        assert len(told) == 3
        assert all("fork" in text for text in told)
        assert received(pipe) == [1, 2]
        child.join(PATIENCE)
        assert child.exitcode == 0


# Threads, and several stores in one process.


def test_threads_share_a_store(engine_name: EngineName, tmp_path: Path) -> None:
    def write(store: Store, builder: str) -> list[int]:
        return [store.put(children.numbered(n, 0, builder)).version.number for n in range(25)]

    def read(store: Store) -> None:
        for _ in range(25):
            number = store.version("k:0").number
            assert [version.number for version in store.history("k:0")][:number] == list(range(1, number + 1))
            assert store.verify().ok

    with new_store(engine_name, tmp_path / "store") as store, ThreadPoolExecutor(6) as pool:
        store.put(children.numbered(0, 0, "b0"))
        writers = [pool.submit(write, store, f"b{n}") for n in range(1, 5)]
        readers = [pool.submit(read, store) for _ in range(2)]
        numbers = [number for writer in writers for number in writer.result(PATIENCE)]
        for reader in readers:
            reader.result(PATIENCE)
        assert sorted(numbers) == list(range(2, 102))
        assert store.verify().ok


def test_two_stores_on_one_path_in_one_process_are_one_store(path: Path) -> None:
    with open_store(path) as one, open_store(path) as two:
        for n in range(10):
            assert one.put(record(x=n, only=f"one {n}")).version.number == 2 * n + 1
            assert two.put(record(x=n, only=f"two {n}")).version.number == 2 * n + 2
            assert one.get_bytes("k:1") == two.get_bytes("k:1")
        one.close()
        assert two.put(record(x=-1)).version.number == 21
        assert two.verify().ok
        with pytest.raises(UsageError, match="closed"):
            one.get("k:1")


def test_a_reader_that_reads_on_while_others_write_sees_a_history_that_grows(path: Path) -> None:
    with open_store(path) as writer, open_store(path) as reader:
        writer.put(record(x=0))
        history = reader.log("k:1")
        next(history)
        for n in range(1, 5):
            writer.put(record(x=n))
        assert [entry.version.number for entry in history] == [2, 3, 4, 5]
