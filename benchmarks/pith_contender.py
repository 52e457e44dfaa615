"""pithstore as one of the contenders."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pithstore
import pithstore.bulk
import pithstore.compaction.compact
import pithstore.ingest
import pithstore.taking
import pithstore.verify  # all at the start, as the other contenders do: no import is in any time


class Pithstore:
    packs: tuple[str, ...] = ("compact",)

    def __init__(self, folder: Path) -> None:
        self._path = folder / "archive.pith"

    def put(self, lines: Iterable[bytes]) -> int:
        with pithstore.open(self._path, create=True) as store:
            return store.put_many(lines).versions

    def pack(self, how: str) -> None:
        with pithstore.open(self._path) as store:
            store.compact()

    def open(self) -> None:
        self._store = pithstore.open(self._path, readonly=True)

    def get(self, source: str, number: int) -> bytes:
        return self._store.get_bytes(f"{source}@{number}")

    def history(self, source: str) -> int:
        return len(list(self._store.history(source)))

    def verify(self) -> None:
        with pithstore.open(self._path, readonly=True) as store:
            report = store.verify()
        if not report.ok:
            raise SystemExit(f"pithstore: {report.problems[0]}")


class TwoWorkers(Pithstore):
    """The same, put by two processes that prepare the records and one that writes them."""

    packs = ()

    def put(self, lines: Iterable[bytes]) -> int:
        with pithstore.open(self._path, create=True) as store:
            return store.put_many(lines, workers=2).versions
