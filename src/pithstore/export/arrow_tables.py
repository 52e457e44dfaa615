"""Tables for the Arrow world: as files, in batches, and as one table in memory.

Importing this needs pyarrow, which is in the extra `arrow`; UsageError says so where it is missing.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from datetime import datetime

from pithstore.engine import Engine
from pithstore.errors import UsageError
from pithstore.export.filter import ExportFilter
from pithstore.export.rows import table_rows
from pithstore.export.tables import BlobRow, Row, TableName, Write, cells, columns
from pithstore.horizon import OPEN, Horizon

try:
    import pyarrow as pa
    from pyarrow import ipc, parquet
except ImportError:
    raise UsageError("this needs pyarrow: pip install 'pithstore[arrow]'") from None

_BATCH_ROWS = 16_384
_BATCH_BYTES = 8 * 1024 * 1024
_TYPES = {str: pa.string(), int: pa.int64(), datetime: pa.timestamp("us", tz="UTC")}


def versions_table(engine: Engine, horizon: Horizon = OPEN) -> pa.Table:
    """A row for each version within the horizon, in memory as a whole; the columns are in docs/export.md."""
    rows = table_rows(engine, "versions", ExportFilter(horizon), lambda _: None)
    return pa.Table.from_batches(_batches("versions", rows), schema("versions"))


def schema(table: TableName) -> pa.Schema:
    """The columns of a table as Arrow names them."""
    return pa.schema([pa.field(column.name, _TYPES[column.kind], column.optional) for column in columns(table)])


def write_parquet(table: TableName, rows: Iterable[Row], write: Write) -> int:
    """How many rows were written as a Parquet file."""
    count = 0
    with parquet.ParquetWriter(_Sink(write), schema(table), compression="zstd") as writer:
        for batch in _batches(table, rows):
            writer.write_batch(batch)
            count += len(batch)
    return count


def write_arrow(table: TableName, rows: Iterable[Row], write: Write) -> int:
    """How many rows were written as an Arrow IPC file, which is also Feather version 2."""
    count = 0
    with ipc.new_file(_Sink(write), schema(table)) as writer:
        for batch in _batches(table, rows):
            writer.write_batch(batch)
            count += len(batch)
    return count


class _Sink(io.RawIOBase):
    """What pyarrow asks of a file, where there may be only a pipe."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # io.RawIOBase asks for any buffer
        self._write(data)
        self._written += len(data)
        return len(data)

    def tell(self) -> int:
        return self._written


def _batches(table: TableName, rows: Iterable[Row]) -> Iterator[pa.RecordBatch]:
    batch: list[Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += row.bytes if isinstance(row, BlobRow) else 0
        if len(batch) >= _BATCH_ROWS or size >= _BATCH_BYTES:
            yield _batch(table, batch)
            batch, size = [], 0
    if batch:
        yield _batch(table, batch)


def _batch(table: TableName, rows: list[Row]) -> pa.RecordBatch:
    wanted = schema(table)
    by_column = zip(*map(cells, rows), strict=True)
    arrays = [pa.array(values, field.type) for values, field in zip(by_column, wanted, strict=True)]
    return pa.record_batch(arrays, schema=wanted)
