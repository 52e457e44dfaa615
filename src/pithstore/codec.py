"""Values ↔ bytes.  Whole numbers are LEB128, text and bytes have their length in front; see docs/format.md.

Every decoder takes any bytes and gives a value or raises Damaged.
"""

from __future__ import annotations

import json
from datetime import datetime

import attrs

from pithstore.canonical import canonical
from pithstore.digest import DIGEST_BYTES, Digest
from pithstore.errors import Damaged
from pithstore.model import Manifest, Scalar, SectionEntry, Source, Version
from pithstore.times import from_microseconds, to_microseconds

_LONGEST_SHIFT = 63  # ten bytes


@attrs.frozen(order=True)
class Place:
    """Where a blob lies: from `offset` in that value of that writer's tail, into the next values if need be."""

    writer: int
    sequence: int
    offset: int
    length: int


@attrs.frozen
class Head:
    """The last number and recorded_at that a source was given; neither is ever given again or gone behind."""

    number: int
    recorded_at: datetime


@attrs.frozen
class LineHead:
    """The newest version of a line, by number."""

    builder_version: str
    number: int
    snapshot: Digest


def write_number(number: int) -> bytes:
    """An unsigned number as LEB128."""
    if number < 0x80:
        return bytes((number,))
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def write_bytes(raw: bytes) -> bytes:
    """Bytes with their length in front."""
    return write_number(len(raw)) + raw


def _write_text(text: str) -> bytes:
    return write_bytes(text.encode())


def _write_time(moment: datetime) -> bytes:
    return to_microseconds(moment).to_bytes(8, "big", signed=True)


class Reader:
    """Reads one encoded value from its start to its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def number(self) -> int:
        """The next LEB128 number."""
        try:
            number, self.at = _number(self._data, self.at)
        except IndexError:
            raise Damaged("an encoded value is cut short") from None
        return number

    def raw(self, length: int) -> bytes:
        """The next bytes, exactly that many."""
        piece = self._data[self.at : self.at + length]
        if len(piece) != length:
            raise Damaged("an encoded value is cut short")
        self.at += length
        return piece

    def text(self) -> str:
        """The next text."""
        try:
            return self.raw(self.number()).decode()
        except UnicodeDecodeError:
            raise Damaged("an encoded text is not UTF-8") from None

    def digest(self) -> Digest:
        """The next digest."""
        return Digest(self.raw(DIGEST_BYTES))

    def time(self) -> datetime:
        """The next moment."""
        try:
            return from_microseconds(int.from_bytes(self.raw(8), "big", signed=True))
        except OverflowError:
            raise Damaged("an encoded time is out of range") from None

    def end(self) -> None:
        """Return if everything was read."""
        if self.at != len(self._data):
            raise Damaged("an encoded value has bytes behind its end")


def encode_source(source: Source) -> bytes:
    """Kind and id."""
    return _write_text(source.kind) + _write_text(source.id)


def decode_source(data: bytes) -> Source:
    """The source that `encode_source` wrote."""
    reader = Reader(data)
    source = Source(reader.text(), reader.text())
    reader.end()
    return source


def encode_version(version: Version) -> bytes:
    """All of a version but source and number, which are its key."""
    return b"".join(
        (
            version.snapshot,
            _write_time(version.observed_at),
            _write_time(version.recorded_at),
            _write_text(version.builder_version),
            b"" if version.source_version is None else canonical(version.source_version),
        )
    )


def decode_version(source: Source, number: int, data: bytes) -> Version:
    """The version that `encode_version` wrote."""
    reader = Reader(data)
    snapshot, observed_at, recorded_at = reader.digest(), reader.time(), reader.time()
    builder_version = reader.text()
    source_version = _read_scalar(data[reader.at :])
    return Version(source, number, builder_version, source_version, snapshot, observed_at, recorded_at)


def _read_scalar(data: bytes) -> Scalar:
    if not data:
        return None
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise Damaged("an encoded source version is not JSON") from None
    if isinstance(value, dict | list):
        raise Damaged("an encoded source version is not a scalar")
    scalar: Scalar = value
    return scalar


def encode_manifest(manifest: Manifest) -> bytes:
    """Name, digest and size of each section."""
    return b"".join(
        _write_text(section.name) + section.digest + write_number(section.size) for section in manifest.sections
    )


def decode_manifest(data: bytes) -> Manifest:
    """The manifest that `encode_manifest` wrote."""
    return Manifest(tuple(SectionEntry(name, Digest(raw), size) for name, raw, size in _sections(data)))


def decode_section_digests(data: bytes) -> dict[str, bytes]:
    """The digest of each section of the manifest that `encode_manifest` wrote, by name.

    The 32 bytes are bare: this is for walks that compare millions of them and show few.
    """
    return {name: raw for name, raw, _ in _sections(data)}


def _sections(data: bytes) -> list[tuple[str, bytes, int]]:
    """Name, digest and size of each section; without a Reader, as every read and every log comes by here."""
    sections: list[tuple[str, bytes, int]] = []
    at, end = 0, len(data)
    try:
        while at < end:
            length, at = _number(data, at)
            digest_at = at + length
            size_at = digest_at + DIGEST_BYTES
            size, next_at = _number(data, size_at)
            sections.append((data[at:digest_at].decode(), data[digest_at:size_at], size))
            at = next_at
    except IndexError:
        raise Damaged("an encoded value is cut short") from None
    except UnicodeDecodeError:
        raise Damaged("an encoded text is not UTF-8") from None
    return sections


def _number(data: bytes, at: int) -> tuple[int, int]:
    """The LEB128 number at that place, and where it ends; IndexError where the data ends before it does."""
    byte = data[at]
    if byte < 0x80:
        return byte, at + 1
    number, shift = byte & 0x7F, 7
    while True:
        at += 1
        byte = data[at]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at + 1
        shift += 7
        if shift > _LONGEST_SHIFT:
            raise Damaged("an encoded number is too large")


def encode_place(place: Place) -> bytes:
    """Writer, sequence, offset and length."""
    return b"".join(map(write_number, (place.writer, place.sequence, place.offset, place.length)))


def decode_place(data: bytes) -> Place:
    """The place that `encode_place` wrote."""
    try:
        writer, at = _number(data, 0)
        sequence, at = _number(data, at)
        offset, at = _number(data, at)
        length, at = _number(data, at)
    except IndexError:
        raise Damaged("an encoded value is cut short") from None
    if at != len(data):
        raise Damaged("an encoded value has bytes behind its end")
    return Place(writer, sequence, offset, length)


def encode_head(head: Head) -> bytes:
    """Number and time."""
    return _write_time(head.recorded_at) + write_number(head.number)


def decode_head(data: bytes) -> Head:
    """The head that `encode_head` wrote."""
    reader = Reader(data)
    recorded_at, number = reader.time(), reader.number()
    reader.end()
    return Head(number, recorded_at)


def encode_line_head(head: LineHead) -> bytes:
    """Builder, number and snapshot."""
    return _write_text(head.builder_version) + write_number(head.number) + head.snapshot


def decode_line_head(data: bytes) -> LineHead:
    """The line head that `encode_line_head` wrote."""
    reader = Reader(data)
    head = LineHead(reader.text(), reader.number(), reader.digest())
    reader.end()
    return head
