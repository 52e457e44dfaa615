"""Values ↔ bytes.  Whole numbers are LEB128, text and bytes have their length in front; see docs/format.md.

Every decoder takes any bytes and gives a value or raises Damaged.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache

import attrs

from pithstore.canonical import canonical
from pithstore.digest import DIGEST_BYTES, Digest
from pithstore.errors import Damaged, InvalidRecord
from pithstore.limits import LARGEST_RECORD_BYTES
from pithstore.model import Manifest, Scalar, SectionEntry, Source, Version
from pithstore.pointer import Json
from pithstore.times import from_microseconds, to_microseconds

HOME_BYTES = 8
TEXT_HASH_BYTES = 16
_SHORT = 100  # characters of a name that is worth keeping
_TIME_BYTES = 8
_LONGEST_SHIFT = 63  # ten bytes
_TWO_BYTES, _FOUR_BYTES = 2**16 - 1, 2**32 - 1
_VALUE_BITS = 13  # a value of a tail holds more than 2^13 bytes
_ONE_BYTE = tuple(bytes((number,)) for number in range(0x80))


@attrs.frozen(order=True)
class Place:
    """Where a blob lies: from `offset` in that value of that writer's tail, into the next values if need be.

    `home` is the mark of the source that brought it first (`keys.source_mark`).
    """

    writer: int
    sequence: int
    offset: int
    length: int
    home: bytes = bytes(HOME_BYTES)


@attrs.frozen
class Head:
    """The last number and recorded_at that a source was given; neither is ever given again or gone behind."""

    number: int
    recorded_at: datetime


@attrs.frozen
class LineHead:
    """The newest version of a line, by number.

    `sections` is how many sections it has; `text_hash` the first 16 bytes of the BLAKE3 of the text that was put
    as this version, the last one that was, empty where it was not put as text.
    """

    builder_version: str
    number: int
    snapshot: Digest
    sections: int
    text_hash: bytes = b""


def write_number(number: int) -> bytes:
    """An unsigned number as LEB128."""
    if number < 0x80:
        return _ONE_BYTE[number]
    if number < 0x4000:
        return bytes((number & 0x7F | 0x80, number >> 7))
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


def write_name(name: str) -> bytes:
    """A text that comes again and again, as the name of a section does."""
    return _write_short(name) if len(name) <= _SHORT else _write_text(name)


@lru_cache(maxsize=1024)
def _write_short(name: str) -> bytes:
    return _write_text(name)


def read_name(raw: bytes) -> str:
    """The text whose UTF-8 these bytes are, where it comes again and again."""
    return _read_short(raw) if len(raw) <= _SHORT else _decode(raw)


@lru_cache(maxsize=1024)
def _read_short(raw: bytes) -> str:
    return _decode(raw)


def _decode(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Damaged("an encoded text is not UTF-8") from None


def _read_time(raw: bytes) -> datetime:
    return from_microseconds(int.from_bytes(raw, "big", signed=True))


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
            number, self.at = read_number(self._data, self.at)
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
        return _decode(self.raw(self.number()))

    def digest(self) -> Digest:
        """The next digest."""
        return Digest(self.raw(DIGEST_BYTES))

    def time(self) -> datetime:
        """The next moment."""
        return _read_time(self.raw(_TIME_BYTES))

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
    observed_at, recorded_at = version.observed_at, version.recorded_at
    recorded = _write_time(recorded_at)
    return b"".join(
        (
            version.snapshot,
            recorded if observed_at is recorded_at else _write_time(observed_at),
            recorded,
            _write_text(version.builder_version),
            write_scalar(version.source_version),
        )
    )


def decode_version(source: Source, number: int, data: bytes) -> Version:
    """The version that `encode_version` wrote."""
    reader = Reader(data)
    snapshot, observed_at, recorded_at = reader.digest(), reader.time(), reader.time()
    builder_version = reader.text()
    source_version = read_scalar(data[reader.at :])
    return Version(source, number, builder_version, source_version, snapshot, observed_at, recorded_at)


def write_scalar(value: Scalar) -> bytes:
    """The canonical form of a source version; nothing for None."""
    return b"" if value is None else canonical(value)


def read_scalar(data: bytes) -> Scalar:
    """The source version that `write_scalar` wrote."""
    if not data:
        return None
    return _read_known_scalar(data) if len(data) <= _SHORT else _read_scalar(data)


@lru_cache(maxsize=1024)
def _read_known_scalar(data: bytes) -> Scalar:
    return _read_scalar(data)


def _read_scalar(data: bytes) -> Scalar:
    try:
        value = read_json(data)
    except Damaged as error:
        raise Damaged(f"an encoded source version: {error}") from None
    if isinstance(value, dict | list):
        raise Damaged("an encoded source version is not a scalar")
    return value


def read_json(data: bytes) -> Json:
    """The value whose canonical form these bytes are; Damaged where they are that of none."""
    try:
        value: Json = json.loads(data.decode())
        if canonical(value) == data:
            return value
    except (ValueError, RecursionError, InvalidRecord):
        pass
    raise Damaged("what should be JSON in canonical form is none")


def encode_tombstone(erased_at: datetime, size: int, reason: str) -> bytes:
    """When a section was erased, how many bytes it had, and why."""
    return _write_time(erased_at) + write_number(size) + _write_text(reason)


def encode_manifest(manifest: Manifest) -> bytes:
    """Name, digest and size of each section."""
    parts: list[bytes] = []
    for section in manifest.sections:
        parts += (write_name(section.name), section.digest, write_number(section.size))
    return b"".join(parts)


def decode_manifest(data: bytes) -> Manifest:
    """The manifest that `encode_manifest` wrote."""
    return Manifest(tuple(map(_section, _section_pieces(data))))


def _section_pieces(data: bytes) -> list[bytes]:
    """The bytes of each section of a manifest."""
    pieces: list[bytes] = []
    at, end = 0, len(data)
    try:
        while at < end:
            length, size_at = read_number(data, at)
            size_at += length + DIGEST_BYTES
            while data[size_at] >= 0x80:
                size_at += 1
            pieces.append(data[at : size_at + 1])
            at = size_at + 1
    except IndexError:
        raise Damaged("an encoded value is cut short") from None
    return pieces


@lru_cache(maxsize=4096)  # most sections are those of the version before
def _section(piece: bytes) -> SectionEntry:
    ((name, digest, size),) = _sections(piece)
    if size > LARGEST_RECORD_BYTES:
        raise Damaged("an encoded section is larger than one can be")
    return SectionEntry(name, Digest(digest), size)


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
            length, at = read_number(data, at)
            digest_at = at + length
            size_at = digest_at + DIGEST_BYTES
            size, next_at = read_number(data, size_at)
            sections.append((read_name(data[at:digest_at]), data[digest_at:size_at], size))
            at = next_at
    except IndexError:
        raise Damaged("an encoded value is cut short") from None
    return sections


def read_number(data: bytes, at: int) -> tuple[int, int]:
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
    """Writer, sequence, offset, length and home."""
    return write_place(place.writer, place.sequence, place.offset, place.length, place.home)


def write_place(writer: int, sequence: int, offset: int, length: int, home: bytes) -> bytes:
    """The same of a place that nobody needs as a value."""
    numbers = write_number(writer), write_number(sequence), write_number(offset), write_number(length)
    return b"".join((*numbers, home))


def decode_place(data: bytes) -> Place:
    """The place that `encode_place` wrote."""
    try:
        writer, at = read_number(data, 0)
        sequence, at = read_number(data, at)
        offset, at = read_number(data, at)
        length, at = read_number(data, at)
    except IndexError:
        raise Damaged("an encoded value is cut short") from None
    if at + HOME_BYTES != len(data):
        raise Damaged("an encoded place does not end with its home")
    last = sequence + (length >> _VALUE_BITS)
    if max(writer, last) > _FOUR_BYTES or offset > _TWO_BYTES or length > LARGEST_RECORD_BYTES:
        raise Damaged("an encoded place is none that a tail can have")
    return Place(writer, sequence, offset, length, data[at:])


def encode_head(head: Head) -> bytes:
    """Number and time."""
    return _write_time(head.recorded_at) + write_number(head.number)


def decode_head(data: bytes) -> Head:
    """The head that `encode_head` wrote."""
    try:
        number, end = read_number(data, _TIME_BYTES)
    except IndexError:
        raise Damaged("an encoded value is cut short") from None
    if end != len(data):
        raise Damaged("an encoded value has bytes behind its end")
    return Head(_four_bytes(number), _read_time(data[:_TIME_BYTES]))


def encode_line_head(head: LineHead) -> bytes:
    """Builder, number, snapshot, sections and text hash."""
    return b"".join(
        (
            write_name(head.builder_version),
            write_number(head.number),
            head.snapshot,
            write_number(head.sections),
            write_bytes(head.text_hash),
        )
    )


def decode_line_head(data: bytes) -> LineHead:
    """The line head that `encode_line_head` wrote."""
    try:
        length, name_at = read_number(data, 0)
        number, digest_at = read_number(data, name_at + length)
        sections, at = read_number(data, digest_at + DIGEST_BYTES)
        hash_bytes, hash_at = read_number(data, at)
    except IndexError:
        raise Damaged("an encoded value is cut short") from None
    if hash_bytes not in (0, TEXT_HASH_BYTES) or len(data) != hash_at + hash_bytes:
        raise Damaged("an encoded text hash has another length")
    digest = Digest(data[digest_at : digest_at + DIGEST_BYTES])
    name = read_name(data[name_at : name_at + length])
    return LineHead(name, _four_bytes(number), digest, sections, data[hash_at:])


def _four_bytes(number: int) -> int:
    if number > _FOUR_BYTES:
        raise Damaged("an encoded number of a version is too large")
    return number
