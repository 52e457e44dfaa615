"""A run: the index entry of versions of one source whose bodies lie in one frame.  Pure.

    position of the frame, how many versions    numbers
    columns     for each its least value (zigzag, a number) and the width of the rest in bytes (one byte)
    builders    how many; for each: text; sections and text hash as in the head of its line
    source versions, outcomes   how many are distinct, then each behind its length
    the rest of each column: for each version what it is more than the least, little-endian
    snapshots   32 bytes each

The columns are: number − row, builder, source version, outcomes, recorded_at, observed_at − recorded_at.  One that
does not change has no rest.  So every row can be read alone, and where it lies without the tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import add
from typing import NamedTuple, TypeVar

import attrs

from pithstore.codec import (
    TEXT_HASH_BYTES,
    LineHead,
    Reader,
    read_name,
    read_number,
    read_scalar,
    write_bytes,
    write_name,
    write_number,
    write_scalar,
)
from pithstore.digest import DIGEST_BYTES, Digest
from pithstore.errors import Damaged
from pithstore.keys import MAX_NUMBER
from pithstore.model import Source, Version
from pithstore.times import from_microseconds, to_microseconds

T = TypeVar("T")

_COLUMNS, _WIDEST = 6, 8


@attrs.frozen
class Row:
    """A version in a run, and the outcomes of its declared digests as the index keeps them."""

    version: Version
    outcomes: bytes = b""


def encode_run(position: int, rows: Sequence[Row], heads: Mapping[str, LineHead]) -> bytes:
    """The entry of these rows, by rising number; `heads` are of those builders whose newest version is here."""
    versions = [row.version for row in rows]
    builders = list(dict.fromkeys([version.builder_version for version in versions]))
    source_versions = [write_scalar(version.source_version) for version in versions]
    outcomes = [row.outcomes for row in rows]
    recorded = [to_microseconds(version.recorded_at) for version in versions]
    columns = [
        _column(values)
        for values in (
            [version.number - i for i, version in enumerate(versions)],
            [builders.index(version.builder_version) for version in versions],
            _ordinals(source_versions),
            _ordinals(outcomes),
            recorded,
            [to_microseconds(version.observed_at) - at for version, at in zip(versions, recorded, strict=True)],
        )
    ]
    return b"".join(
        (
            write_number(position),
            write_number(len(rows)),
            *[head for head, _ in columns],
            write_number(len(builders)),
            *(_builder(builder, heads.get(builder)) for builder in builders),
            _table(source_versions),
            _table(outcomes),
            *[rest for _, rest in columns],
            *[version.snapshot for version in versions],
        )
    )


def moved(run: bytes, position: int) -> bytes:
    """The same run, of a frame that lies at another position."""
    reader = Reader(run)
    reader.number()
    return write_number(position) + run[reader.at :]


def _builder(builder: str, head: LineHead | None) -> bytes:
    sections, text_hash = (head.sections, head.text_hash) if head else (0, b"")
    return write_bytes(builder.encode()) + write_number(sections) + write_bytes(text_hash)


def _ordinals(values: Sequence[bytes]) -> list[int]:
    distinct = {value: ordinal for ordinal, value in enumerate(dict.fromkeys(values))}
    return [distinct[value] for value in values]


def _table(values: Iterable[bytes]) -> bytes:
    distinct = list(dict.fromkeys(values))
    return write_number(len(distinct)) + b"".join(map(write_bytes, distinct))


def _column(values: Sequence[int]) -> tuple[bytes, bytes]:
    """A column as it is written: its least value with the width, and the rest."""
    least = min(values)
    width = (max(values) - least).bit_length() + 7 >> 3
    rest = b"".join([(value - least).to_bytes(width, "little") for value in values]) if width else b""
    return write_number(_zigzag(least)) + bytes((width,)), rest


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else (-number << 1) - 1


def _unzigzag(number: int) -> int:
    return -((number + 1) >> 1) if number & 1 else number >> 1


@attrs.frozen
class _Tables:
    """What the columns count into."""

    builders: list[str]
    heads: list[tuple[int, bytes]]
    source_versions: list[bytes]
    outcomes: list[bytes]


def _read_tables(data: bytes, at: int, end: int) -> _Tables:
    builders: list[str] = []
    heads: list[tuple[int, bytes]] = []
    try:
        count, at = read_number(data, at)
        for _ in range(count):
            builder, at = _read_bytes(data, at)
            sections, at = read_number(data, at)
            text_hash, at = _read_bytes(data, at)
            if len(text_hash) not in (0, TEXT_HASH_BYTES):
                raise Damaged("a text hash in a run has another length")
            builders.append(read_name(builder))
            heads.append((sections, text_hash))
        source_versions, at = _read_table(data, at)
        outcomes, at = _read_table(data, at)
    except IndexError:
        raise Damaged("a run is cut short") from None
    if at != end:
        raise Damaged("the tables of a run do not end where its columns start")
    return _Tables(builders, heads, source_versions, outcomes)


def _read_table(data: bytes, at: int) -> tuple[list[bytes], int]:
    count, at = read_number(data, at)
    table: list[bytes] = []
    for _ in range(count):
        value, at = _read_bytes(data, at)
        table.append(value)
    return table, at


def _read_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    length, at = read_number(data, at)
    end = at + length
    if end > len(data):
        raise IndexError
    return data[at:end], end


class Columns(NamedTuple):
    """What a run says of its versions, each column by row.

    `made` are the builder and the source version as an entry of its own encodes them; times are in microseconds.
    """

    numbers: Sequence[int]
    snapshots: Sequence[bytes]
    observed_at: Sequence[int]
    recorded_at: Sequence[int]
    made: Sequence[bytes]
    outcomes: Sequence[bytes]


def locate(data: bytes, number: int) -> tuple[int, int, bytes] | None:
    """Where the frame of an encoded run lies, and row and snapshot hash of the version with that number.

    None where it is not in this run.  It reads no more of the run than it must, as each get comes by here.
    """
    try:
        position, at = read_number(data, 0)
        count, at = read_number(data, at)
        least, at = read_number(data, at)
        width = data[at]
    except IndexError:
        raise Damaged("a run is cut short") from None
    row = Run(data).row(number) if width else number - _unzigzag(least)
    if row is None or not 0 <= row < count:
        return None
    start = len(data) - DIGEST_BYTES * (count - row)
    return position, row, data[start : start + DIGEST_BYTES]


class Run:
    """An encoded run, read row by row; Damaged where the bytes are none."""

    __slots__ = ("_columns", "_data", "_known", "_rest", "_snapshots", "count", "position")

    def __init__(self, data: bytes) -> None:
        heads: list[tuple[int, int]] = []
        try:
            self.position, at = read_number(data, 0)
            self.count, at = read_number(data, at)
            for _ in range(_COLUMNS):
                least, at = read_number(data, at)
                heads.append((-((least + 1) >> 1) if least & 1 else least >> 1, data[at]))
                at += 1
        except IndexError:
            raise Damaged("a run is cut short") from None
        self._data = data
        self._known: _Tables | None = None
        count = self.count
        self._snapshots = end = len(data) - DIGEST_BYTES * count
        start = end - count * sum([width for _, width in heads])
        self._rest = at, start
        self._columns: list[tuple[int, int, int]] = []
        for least, width in heads:
            self._columns.append((least, width, start))
            start += width * count
        if self._rest[1] < at or not count:
            raise Damaged("a run has not the length that it says")
        leasts, widths = zip(*heads, strict=True)
        if max(widths) > _WIDEST or leasts[0] < 1 or min(leasts[:4]) < 0:
            raise Damaged("a column of a run holds what cannot be")

    @property
    def _tables(self) -> _Tables:
        if self._known is None:
            self._known = _read_tables(self._data, *self._rest)
        return self._known

    def _at(self, column: int, row: int) -> int:
        least, width, start = self._columns[column]
        if not width:
            return least
        start += row * width
        return least + int.from_bytes(self._data[start : start + width], "little")

    def number(self, row: int) -> int:
        """The number of the version in that row; rows are by rising number."""
        number = row + self._at(0, row)
        if number > MAX_NUMBER:
            raise Damaged("a number of a version in a run is too large")
        return number

    def row(self, number: int) -> int | None:
        """The row of the version with that number; None where it is not in this run."""
        low, high = 0, self.count
        if self._columns[0][1] == 0:
            low = number - self._columns[0][0]
        else:
            while low < high:
                middle = (low + high) // 2
                low, high = (middle + 1, high) if self.number(middle) < number else (low, middle)
        return low if 0 <= low < self.count and self.number(low) == number else None

    def snapshot(self, row: int) -> Digest:
        """The snapshot hash of the version in that row."""
        start = self._snapshots + DIGEST_BYTES * row
        return Digest(self._data[start : start + DIGEST_BYTES])

    @property
    def snapshots(self) -> Iterator[Digest]:
        """The snapshot hashes, row by row."""
        return map(self.snapshot, range(self.count))

    @property
    def builders(self) -> list[str]:
        """The builders that have a version here."""
        return self._tables.builders

    def sections(self, builder_version: str) -> int:
        """How many sections the newest version of a builder has, if that is in this run."""
        return self._tables.heads[self._tables.builders.index(builder_version)][0]

    def builder_version(self, row: int) -> str:
        """The builder of the version in that row."""
        return self._item(self._tables.builders, 1, row)

    def outcomes(self, row: int) -> bytes:
        """The outcomes of the declared digests of the version in that row."""
        return self._item(self._tables.outcomes, 3, row)

    def _item(self, table: Sequence[T], column: int, row: int) -> T:
        try:
            return table[self._at(column, row)]
        except IndexError:
            raise Damaged("a run names something that it does not have") from None

    def recorded_at(self, row: int) -> datetime:
        """When the version in that row was recorded."""
        return from_microseconds(self._at(4, row))

    def observed_at(self, row: int) -> datetime:
        """When the version in that row was observed."""
        return from_microseconds(self._at(4, row) + self._at(5, row))

    def version(self, source: Source, row: int) -> Version:
        """The version in that row of a run of that source."""
        return Version(
            source,
            self.number(row),
            self.builder_version(row),
            read_scalar(self._item(self._tables.source_versions, 2, row)),
            self.snapshot(row),
            self.observed_at(row),
            self.recorded_at(row),
        )

    def payload(self, row: int) -> bytes:
        """The version in that row as an entry of its own would hold it."""
        recorded = self._at(4, row)
        return b"".join(
            (
                self.snapshot(row),
                _eight_bytes(recorded + self._at(5, row)),
                _eight_bytes(recorded),
                write_name(self.builder_version(row)),
                self._item(self._tables.source_versions, 2, row),
            )
        )

    def columns(self) -> Columns:
        """What each version says; Damaged where one says what cannot be."""
        tables, data = self._tables, self._data
        numbers = list(map(add, self._column(0), range(self.count)))
        if max(numbers) > MAX_NUMBER:
            raise Damaged("a number of a version in a run is too large")
        recorded, later = self._column(4), self._column(5)
        try:
            made = self._made(tables)
            outcomes = self._named(tables.outcomes, 3)
        except IndexError:
            raise Damaged("a run says what cannot be") from None
        return Columns(
            numbers,
            [data[at : at + DIGEST_BYTES] for at in range(self._snapshots, len(data), DIGEST_BYTES)],
            list(map(add, recorded, later)) if any(later) else recorded,
            recorded,
            made,
            outcomes,
        )

    def _made(self, tables: _Tables) -> list[bytes]:
        builders = list(map(write_name, tables.builders))
        if not (self._columns[1][1] or self._columns[2][1]):
            return [builders[self._columns[1][0]] + tables.source_versions[self._columns[2][0]]] * self.count
        return list(map(add, self._named(builders, 1), self._named(tables.source_versions, 2)))

    def _named(self, table: Sequence[T], column: int) -> list[T]:
        """What a column names in a table, row by row."""
        least, width, _ = self._columns[column]
        return list(map(table.__getitem__, self._column(column))) if width else [table[least]] * self.count

    def _column(self, column: int) -> list[int]:
        least, width, start = self._columns[column]
        data, count = self._data, self.count
        if not width:
            return [least] * count
        if width == 1:
            return [least + more for more in data[start : start + count]]
        ends = range(start, start + width * count, width)
        return [least + int.from_bytes(data[at : at + width], "little") for at in ends]

    def line_heads(self) -> Iterator[LineHead]:
        """For each builder the newest version that it has in this run."""
        newest = {self._at(1, row): row for row in range(self.count)}
        for ordinal, row in newest.items():
            sections, text_hash = self._item(self._tables.heads, 1, row)
            yield LineHead(
                builder_version=self._tables.builders[ordinal],
                number=self.number(row),
                snapshot=self.snapshot(row),
                sections=sections,
                text_hash=text_hash,
            )


def _eight_bytes(microseconds: int) -> bytes:
    try:
        return microseconds.to_bytes(8, "big", signed=True)
    except OverflowError:
        raise Damaged("a time in a run is out of range") from None
