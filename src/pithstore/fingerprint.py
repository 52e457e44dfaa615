"""One number for the whole history: equal in two stores that hold the same versions, whatever holds them.

It is the sum, modulo 2^256, of a BLAKE3 of each version.  A sum does not care for the order, takes a version out
again by subtraction, and unlike XOR does not lose a version that is there twice.
"""

from __future__ import annotations

from binascii import hexlify
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

from blake3 import blake3

from pithstore.canonical import canonical
from pithstore.model import Source, Version
from pithstore.times import write_time

_SHORT = 100  # characters of a text that is worth keeping


def fingerprint(version: Version) -> int:
    """What one version adds: the BLAKE3 of the canonical form of all that the index says of it."""
    said, observed_at, recorded_at = version.source_version, version.observed_at, version.recorded_at
    recorded = time_form(recorded_at)
    return fingerprint_of(
        source_form(version.source),
        version.number,
        made_form(version.builder_version, b"%d" % said if type(said) is int else canonical(said)),
        version.snapshot,
        recorded if observed_at is recorded_at else time_form(observed_at),
        recorded,
    )


# A put brings many versions of one moment and one builder, and a history many of one source: so whoever has the
# fields as they are kept puts the form together from pieces that come again and again.


def fingerprint_of(
    source: bytes, number: int, made: bytes, snapshot: bytes, observed_at: bytes, recorded_at: bytes
) -> int:
    """The same, given the forms of source and builder and of the two times."""
    return sum_of(source, ((number, made, snapshot, observed_at, recorded_at),))


def sum_of(source: bytes, rows: Iterable[tuple[int, bytes, bytes, bytes, bytes]]) -> int:
    """The sum of what versions of one source add, not reduced: rows as `fingerprint_of` takes them."""
    total = 0
    for number, made, snapshot, observed_at, recorded_at in rows:
        form = b'[%b%d%b"%b",%b,%b]' % (source, number, made, hexlify(snapshot), observed_at, recorded_at)
        total += int.from_bytes(blake3(form).digest(), "big")
    return total


def source_form(source: Source) -> bytes:
    """What stands in the form before the number."""
    return text_form(source.kind) + b"," + text_form(source.id) + b","


def made_form(builder_version: str, source_version: bytes) -> bytes:
    """What stands in the form between number and snapshot hash; the source version is given in canonical form."""
    return b"," + text_form(builder_version) + b"," + source_version + b","


@lru_cache(maxsize=256)
def time_form(moment: datetime) -> bytes:
    """A moment as it stands in the form."""
    return canonical(write_time(moment))


def text_form(text: str) -> bytes:
    """A text as it stands in the form: canonical."""
    return _short(text) if len(text) <= _SHORT else canonical(text)


@lru_cache(maxsize=4096)
def _short(text: str) -> bytes:
    return canonical(text)
