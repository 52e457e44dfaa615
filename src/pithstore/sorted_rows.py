"""Rows of bytes in order, in bounded memory: what is over goes into temporary files, each sorted."""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, Self

from pithstore.engine.system_errors import system_errors

_ROWS_AT_ONCE = 1_000_000


class SortedRows:
    """Takes rows of one length, then gives them rising; the files go when the context ends."""

    def __init__(self, row_bytes: int) -> None:
        self._row_bytes = row_bytes
        self._rows: list[bytes] = []
        self._files: list[IO[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()

    def extend(self, rows: Iterable[bytes]) -> None:
        """Take some rows."""
        self._rows.extend(rows)
        if len(self._rows) >= _ROWS_AT_ONCE:
            with system_errors(tempfile.gettempdir()):
                file = tempfile.TemporaryFile()  # noqa: SIM115 - read again by `merged`
                self._files.append(file)
                file.writelines(sorted(self._rows))
            self._rows = []

    def merged(self) -> Iterator[bytes]:
        """All of them, rising."""
        return heapq.merge(sorted(self._rows), *map(self._read, self._files))

    def _read(self, file: IO[bytes]) -> Iterator[bytes]:
        file.seek(0)
        while row := file.read(self._row_bytes):
            yield row
