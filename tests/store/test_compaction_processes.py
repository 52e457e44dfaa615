"""Compaction beside writers and readers in other processes and threads, and killed at any moment."""

from __future__ import annotations

import os
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Event

import pytest

from pithstore.errors import StoreBusy
from pithstore.report import CompactReport
from pithstore.store import Store
from pithstore.store import open as open_store
from tests.store.compacting import AFTER, BEFORE, make_steps_small, put_all, told
from tests.store.compacting_children import (
    Acknowledged,
    check_all,
    compact_for_ever,
    compact_once,
    put_some,
    read_until_told,
    write_until_told,
)
from tests.store.shelves import EngineName, new_store
from tests.store.test_processes import PATIENCE, process, received

LONG = bool(os.environ.get("PITHSTORE_LONG"))
COMPACTIONS = 40 if LONG else 6
KILLS = 150 if LONG else 12
RECORDS = 3000 if LONG else 90


def generations(path: Path) -> list[str]:
    return sorted(directory.name for directory in path.glob("gen-*"))


def filled(path: Path) -> Path:
    with open_store(path, create=True) as store:
        put_all(store, BEFORE)
    return path


@pytest.mark.process
def test_processes_write_and_read_while_compactions_go_on(tmp_path: Path) -> None:
    path = filled(tmp_path / "store")
    with ExitStack() as processes:
        writers = [processes.enter_context(process(write_until_told, path, n))[1] for n in range(2)]
        readers = [processes.enter_context(process(read_until_told, path, n))[1] for n in range(2)]
        for pipe in (*writers, *readers):
            assert received(pipe) == "ready"
        with open_store(path) as store:
            versions = store.stat().versions
            for _ in range(COMPACTIONS):
                compact_when_more(store, versions)
                versions = store.stat().versions
        for pipe in (*writers, *readers):
            pipe.send("enough")
        assert all(isinstance(reads := received(pipe), int) and reads > 0 for pipe in readers)
        acknowledged = [one for pipe in writers for one in received_list(pipe)]
    assert acknowledged
    with open_store(path) as store:
        check_all(store, acknowledged)
        told(store)
        store.compact()
        check_all(store, acknowledged)
        told(store)
    assert len(generations(path)) == 1


def compact_when_more(store: Store, versions: int) -> None:
    """Compact when there are more versions than that: the writers are really writing."""
    while store.stat().versions <= versions:
        pass
    store.compact()


def received_list(pipe: Connection) -> Acknowledged:
    found = received(pipe)
    assert isinstance(found, list)
    return found


def test_threads_write_and_read_while_compactions_go_on(
    engine_name: EngineName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_steps_small(monkeypatch)
    enough = Event()

    def write(store: Store, writer: int) -> Acknowledged:
        numbers, acknowledged = count(), Acknowledged()
        while not enough.is_set() and len(acknowledged) < RECORDS:
            acknowledged += put_some(store, writer, numbers, 3)
        return acknowledged

    def read(store: Store) -> int:
        reads = 0
        while not enough.is_set():
            for source in list(store.sources())[:5]:
                check_all(store, [(str(source), v.number, v.snapshot) for v in list(store.history(source))[-3:]])
                reads += 1
        return reads

    with new_store(engine_name, tmp_path / "store") as store, ThreadPoolExecutor(3) as pool:
        put_all(store, BEFORE)
        writers, reader = [pool.submit(write, store, n) for n in range(2)], pool.submit(read, store)
        try:
            for _ in range(COMPACTIONS // 2):
                store.compact()
        finally:
            enough.set()
        acknowledged = [one for writer in writers for one in writer.result(PATIENCE)]
        assert reader.result(PATIENCE) > 0
        for _ in range(2):
            check_all(store, acknowledged)
            told(store)
            store.compact()


@pytest.mark.process
def test_a_compaction_killed_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    path = filled(tmp_path / "store")
    chance = random.Random(11)
    more = iter(AFTER * (KILLS // len(AFTER) + 1))
    for _ in range(KILLS):
        with open_store(path) as store:
            one, observed_at = next(more)
            store.put({**one, "n": chance.random()}, observed_at=observed_at)
            said = told(store)
        with process(compact_for_ever, path) as (child, pipe):
            for _ in range(chance.randrange(1, 40)):
                received(pipe)
            child.kill()
            child.join(PATIENCE)
        with open_store(path) as store:
            assert told(store) == said
    with open_store(path) as store:
        store.compact()
        assert told(store) == said
    assert len(generations(path)) == 1
    assert sorted(os.listdir(path)) == ["CURRENT", "RECEIPT", *generations(path), "write.lock"]


@pytest.mark.process
def test_a_second_process_that_compacts_is_told(tmp_path: Path) -> None:
    path = filled(tmp_path / "store")
    with open_store(path) as store:
        refused = []

        def progress(_done: int, _all: int) -> None:
            with process(compact_once, path) as (_, pipe):
                refused.append(received(pipe))

        store.compact(progress)
        assert refused
        assert all(isinstance(answer, StoreBusy) for answer in refused)
        told(store)
    with process(compact_once, path) as (_, pipe):
        assert isinstance(received(pipe), CompactReport)
