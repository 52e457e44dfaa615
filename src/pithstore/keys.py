"""The spaces, and the keys in them: byte strings that order as what they stand for.

Text ends with 00 01, a NUL inside it is 00 FF: so no text is a prefix of another, and keys order as the text does
by code point.  A key part over its limit is cut and ends with 00 FE and a BLAKE3 of the whole: it orders by the
part that is left, and two texts still never share a key.
"""

from __future__ import annotations

import struct
from datetime import datetime
from functools import lru_cache

from blake3 import blake3

from pithstore.errors import Damaged
from pithstore.model import Line, Source
from pithstore.times import from_microseconds, to_microseconds

META = "meta"
TAIL = "tail"
BLOBS = "blobs"
MANIFESTS = "manifests"
VERSIONS = "versions"
SOURCES = "sources"
TOTALS = "totals"
FILES = "files"
CHECKS = "checks"
PACKS = "packs"
PLACES = "places"
DICTIONARIES = "dictionaries"
CHANGED = "changed"
REUSED = "reused"
ERASED = "erased"
_PACKED = (PACKS, PLACES, DICTIONARIES, CHANGED)
SPACES = (META, TAIL, BLOBS, MANIFESTS, VERSIONS, SOURCES, TOTALS, FILES, CHECKS, *_PACKED, REUSED, ERASED)
LATER_SPACES = (CHECKS, *_PACKED, REUSED, ERASED)
"""Those that a store of an older pithstore lacks: empty until something is written to them."""

SOURCE_BYTES = 255
BUILDER_BYTES = 200
MAX_NUMBER = 2**32 - 1
SLOTS = 64

# One space holds all that is kept for a source, side by side, so that a put touches one page and not four.
HEAD, VERSION, LINE, TIME = b"\x00", b"\x01", b"\x02", b"\x03"
OUTCOMES, STANDING, RUN = b"\x04", b"\x05", b"\x06"
_TIME_AND_NUMBER = struct.Struct(">QI")
_TIME_ZERO = 2**63


_END, _CUT_MARK = b"\x00\x01", b"\x00\xfe"
_CUT_BYTES = len(_CUT_MARK) + 32


def _text(text: str) -> bytes:
    return text.encode().replace(b"\x00", b"\x00\xff") + _END


def _cut(part: bytes, limit: int) -> bytes:
    return part if len(part) <= limit else part[: limit - _CUT_BYTES] + _CUT_MARK + blake3(part).digest()


def source_key(source: Source) -> bytes:
    """The key of a source, at most 255 bytes; sources order by kind, then id."""
    return _source_key(source.kind, source.id)


def read_source_key(key: bytes) -> Source | None:
    """The source whose key that is; None where the key was cut, and so does not say it, or is none."""
    parts = key.split(_END)
    try:
        kind, identity, end = (part.replace(b"\x00\xff", b"\x00").decode() for part in parts)
    except ValueError:  # too many parts or too few, or no UTF-8
        return None
    source = Source(kind, identity)
    return source if not end and source_key(source) == key else None


def source_mark(source: Source) -> bytes:
    """Eight bytes by which a source is told where its name would be too long: the first of its key's BLAKE3."""
    return _source_hash(source.kind, source.id)[:8]


def source_slot(source: Source) -> int:
    """Which of the 64 slots keeps the totals of a source."""
    return _source_hash(source.kind, source.id)[0] % SLOTS


# A transaction asks for the key of a source for each of the entries that it writes, and knows few sources at once.


@lru_cache(maxsize=4096)
def _source_key(kind: str, identity: str) -> bytes:
    return _cut(_text(kind) + _text(identity), SOURCE_BYTES)


@lru_cache(maxsize=4096)
def _source_hash(kind: str, identity: str) -> bytes:
    return blake3(_source_key(kind, identity)).digest()


def mark_slot(mark: bytes) -> int:
    """Which slot keeps the totals of the source with that mark."""
    return mark[0] % SLOTS


def slot_key(slot: int) -> bytes:
    """The key of a slot of totals."""
    return bytes([slot])


def ledger_key(slot: int) -> bytes:
    """The key of a slot of the ledger of declared digests."""
    return bytes([SLOTS + slot])


def head_key(source: Source) -> bytes:
    """The key of the last number and time that a source was given."""
    return source_key(source) + HEAD


def split_key(key: bytes) -> tuple[bytes, bytes]:
    """The source key and the kind of entry in a key of the space of versions; ValueError for another key."""
    cut = SOURCE_BYTES - _CUT_BYTES
    second = key.find(_END, key.find(_END) + len(_END))
    if (second < 0 or second + len(_END) > cut) and key[cut : cut + 2] == _CUT_MARK:
        end = SOURCE_BYTES
    elif second > 0:
        end = second + len(_END)
    else:
        raise ValueError("not a key of the space of versions")
    return key[:end], key[end : end + 1]


def versions_prefix(source: Source) -> bytes:
    """What the keys of all versions of a source start with."""
    return source_key(source) + VERSION


def version_key(source: Source, number: int) -> bytes:
    """The key of one version; versions of a source order by number."""
    return versions_prefix(source) + number.to_bytes(4, "big")


def outcomes_key(source: Source, number: int) -> bytes:
    """The key of what became of the declared digests of one version."""
    return source_key(source) + OUTCOMES + number.to_bytes(4, "big")


def standing_key(source: Source) -> bytes:
    """The key of what the newest version of a source declares."""
    return source_key(source) + STANDING


def runs_prefix(source: Source) -> bytes:
    """What the keys of all runs of a source start with."""
    return source_key(source) + RUN


def run_key(source: Source, last: int) -> bytes:
    """The key of the run whose last version has that number; runs of a source order by number."""
    return runs_prefix(source) + last.to_bytes(4, "big")


def lines_prefix(source: Source) -> bytes:
    """What the keys of all lines of a source start with."""
    return source_key(source) + LINE


def line_key(line: Line) -> bytes:
    """The key of a line: its newest version."""
    return b"%b%b%b" % (_source_key(line.source.kind, line.source.id), LINE, _builder_key(line.builder_version))


def times_prefix(line: Line) -> bytes:
    """What the keys of all times of a line start with."""
    return source_key(line.source) + TIME + _builder(line)


def time_key(line: Line, observed_at: datetime, number: int) -> bytes:
    """The key that finds a version of a line by its observed_at; ordered by (observed_at, number)."""
    moment = to_microseconds(observed_at) + _TIME_ZERO
    return times_prefix(line) + _TIME_AND_NUMBER.pack(moment, number)


def read_time_key(key: bytes) -> tuple[datetime, int]:
    """The moment and the number at the end of a key of `time_key` or `check_key`; Damaged for one without them."""
    try:
        moment, number = _TIME_AND_NUMBER.unpack(key[-_TIME_AND_NUMBER.size :])
    except struct.error:
        raise Damaged("a key does not end with a time and a number") from None
    return from_microseconds(moment - _TIME_ZERO), number


def check_key(source: Source, checked_at: datetime, sequence: int) -> bytes:
    """The key of a recorded check; those of a source order by (checked_at, sequence)."""
    return source_key(source) + _TIME_AND_NUMBER.pack(to_microseconds(checked_at) + _TIME_ZERO, sequence)


def tombstone_key(digest: bytes) -> bytes:
    """The key of what is left of a section that was erased."""
    return b"\x00" + digest


def erased_key(source: Source, number: int) -> bytes:
    """The key of a version that lacks a section, which was erased."""
    return b"\x01" + source_key(source) + b"\x00" + number.to_bytes(4, "big")


def _builder(line: Line) -> bytes:
    return _builder_key(line.builder_version)


@lru_cache(maxsize=1024)
def _builder_key(builder_version: str) -> bytes:
    return _cut(_text(builder_version), BUILDER_BYTES)


def tail_key(writer: int, sequence: int) -> bytes:
    """The key of one value of a writer's tail; rising in the order of writing."""
    return writer.to_bytes(4, "big") + sequence.to_bytes(4, "big")
