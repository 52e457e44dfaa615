"""What the index says of a version, be it in a run or in an entry of its own.

Who made it, from which version of the source and when: the same again and again, so it is read once.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

import attrs

from pithstore.canonical import canonical
from pithstore.codec import Reader, read_scalar
from pithstore.digest import DIGEST_BYTES
from pithstore.errors import Damaged
from pithstore.fingerprint import made_form, time_form
from pithstore.times import from_microseconds


@attrs.frozen
class Made:
    """The builder and the source version of a version; that in canonical form, empty for none.

    `payload` is how both are encoded, `builder` the builder in canonical form, `form` how both stand in the
    fingerprint.
    """

    payload: bytes
    builder_version: str
    builder: bytes
    source_version: bytes
    form: bytes


@lru_cache(maxsize=1024)
def made_of(payload: bytes) -> Made:
    """What those bytes say; Damaged where they say nothing."""
    reader = Reader(payload)
    builder_version = reader.text()
    source_version = payload[reader.at :]
    read_scalar(source_version)
    form = made_form(builder_version, source_version or b"null")
    return Made(payload, builder_version, canonical(builder_version), source_version, form)


class Said(NamedTuple):
    """What the index says of a version; the times are as they are encoded, in 8 bytes each."""

    number: int
    snapshot: bytes
    made: Made
    observed_at: bytes
    recorded_at: bytes


def read_said(number: int, payload: bytes) -> Said:
    """The version that an entry of its own says; Damaged where it says none."""
    snapshot, observed_at = payload[:DIGEST_BYTES], payload[DIGEST_BYTES : DIGEST_BYTES + 8]
    made_at = DIGEST_BYTES + 16
    recorded_at = payload[DIGEST_BYTES + 8 : made_at]
    time_text(observed_at)
    time_text(recorded_at)
    return Said(number, snapshot, made_of(payload[made_at:]), observed_at, recorded_at)


@lru_cache(maxsize=1024)
def time_text(encoded: bytes) -> bytes:
    """A moment as it stands in the fingerprint; Damaged where there is no such moment."""
    return time_form(read_moment(encoded))


def read_moment(encoded: bytes) -> datetime:
    """The moment that 8 bytes encode; Damaged where they encode none."""
    if len(encoded) != 8:
        raise Damaged("an encoded value is cut short")
    try:
        return from_microseconds(int.from_bytes(encoded, "big", signed=True))
    except OverflowError:
        raise Damaged("an encoded time is out of range") from None
