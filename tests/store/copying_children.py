"""What the tests of backups run in other processes."""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path

from pithstore import bulk
from pithstore.store import open as open_store
from tests.store import children


def back_up_for_ever(pipe: Connection, path: Path, directory: Path) -> None:
    """Put some records into the store and back it up in small transactions, again and again; tell of each step."""
    bulk.BATCH_RECORDS = 3
    with open_store(path) as store:
        batch = store.stat().versions // children.SOURCES
        while True:
            for _ in range(6):
                store.put_many(children.batch_of(batch))
                batch += 1
            pipe.send("begins")
            assert store.backup(directory, lambda done, _: pipe.send(done)).ok
