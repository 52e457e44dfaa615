"""What the tests of processes run in other processes; nothing here imports the tests' own tools."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from pithstore import bulk
from pithstore.arrivals import Arrival
from pithstore.errors import UsageError
from pithstore.pointer import Json
from pithstore.store import open as open_store

SOURCES = 5
MANY = 20
"""How many records put_many puts at once in these tests."""


def numbered(batch: int, source: int, builder: str = "b1") -> dict[str, Json]:
    """The record about that source in that batch: two new sections, one that is always the same."""
    return {
        "source": {"kind": "k", "id": str(source)},
        "builder_version": builder,
        "batch": batch,
        "body": f"{batch} {source} " * (50 + 40 * (batch % 7) ** 3),
        "same": ["s"] * 100,
    }


def batch_of(batch: int) -> list[dict[str, Json]]:
    """The records of a batch, one about each source."""
    return [numbered(batch, source) for source in range(SOURCES)]


def put_batches(pipe: Connection, path: Path, first: int) -> None:
    """Put batch after batch for ever; each is acknowledged when its put has returned."""
    with open_store(path) as store:
        pipe.send(first)
        for batch in range(first, sys.maxsize):
            store.put_batch([Arrival(store.prepare(one)) for one in batch_of(batch)])
            pipe.send(batch + 1)


def put_stream(pipe: Connection, path: Path, first: int) -> None:
    """Put one endless stream; when more is asked for, what came before the last full batch is durable."""
    bulk.BATCH_RECORDS = MANY

    def stream() -> Iterator[dict[str, Json]]:
        asked = 0
        for batch in range(first, sys.maxsize):
            for one in batch_of(batch):
                if asked % MANY == 0:
                    pipe.send(first + asked // SOURCES)
                asked += 1
                yield one

    with open_store(path) as store:
        store.put_many(stream())


def put_until_interrupted(pipe: Connection, path: Path, first: int) -> None:
    """Put batches until Ctrl-C; then the same store goes on, and is sound."""
    with open_store(path) as store:
        batch = first
        try:
            pipe.send(first)
            while True:
                store.put_batch([Arrival(store.prepare(one)) for one in batch_of(batch)])
                batch += 1
        except KeyboardInterrupt:
            pass
        done = store.version("k:0").number
        assert done in (batch, batch + 1), (done, batch)
        store.put_batch([Arrival(store.prepare(one)) for one in batch_of(done)])
        assert store.verify().ok
        pipe.send(done + 1)


def put_some(pipe: Connection, path: Path, builder: str, count: int) -> None:
    """Put that many versions of one source, one by one."""
    with open_store(path) as store:
        pipe.recv()
        numbers = [store.put(numbered(n, 0, builder)).version.number for n in range(count)]
        pipe.send(numbers)


def watch(pipe: Connection, path: Path, seconds: float) -> None:
    """Read the newest version and the history again and again; what is read is whole and only grows."""
    with open_store(path, readonly=True) as store:
        pipe.send(0)
        seen = reads = 0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            record = store.get("k:0")
            assert isinstance(record, dict)
            batch = record["batch"]
            assert isinstance(batch, int)
            assert record == numbered(batch, 0)
            assert batch >= seen
            seen, reads = batch, reads + 1
            numbers = [version.number for version in store.history("k:0")]
            assert numbers == list(range(1, len(numbers) + 1))
            assert len(numbers) > batch
        pipe.send(reads)


def fork_with_open_store(pipe: Connection, path: Path) -> None:
    """Use a store in a forked child; what it is told comes back."""
    with open_store(path) as store:
        store.put(numbered(0, 0))
        child = os.fork()
        if child == 0:
            told = []
            for call in (lambda: store.get("k:0"), lambda: store.put(numbered(1, 0)), lambda: store.verify()):
                try:
                    call()
                except UsageError as error:
                    told.append(str(error))
            store.close()
            pipe.send(told)
            os._exit(0)
        os.waitpid(child, 0)
        store.put(numbered(2, 0))
        assert store.verify().ok
        pipe.send([version.number for version in store.history("k:0")])


def put_many_small(pipe: Connection, path: Path, count: int) -> None:
    """Put a generated stream; by how much memory beside the map of the store has grown at its highest."""
    peak = 0

    def stream() -> Iterator[dict[str, Json]]:
        nonlocal peak
        for n in range(count):
            if n % 100 == 99:
                peak = max(peak, memory_beside_the_map())
            yield {"source": {"kind": "k", "id": str(n % 997)}, "builder_version": "b1", "n": n, "s": str(n) * 20}

    with open_store(path, create=True) as store:
        store.put_many([numbered(0, 0)])
        before = memory_beside_the_map()
        pipe.send(store.put_many(stream()).records)
        pipe.send(peak - before)


def memory_beside_the_map() -> int:
    """The resident memory of this process that is not the map of a file, in bytes.

    Not ru_maxrss, which counts the map, and which a process inherits from the one that started it.
    """
    status = Path("/proc/self/status").read_text()
    return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon")))
