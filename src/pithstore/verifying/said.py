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


@attrs.frozen(eq=False)
class Made:
    """The builder and the source version of a version; both in canonical form too, the latter empty for none.

    `form` is how both stand in the fingerprint.
    """

    builder_version: str
    builder: bytes
    source_version: bytes
    form: bytes


@lru_cache(maxsize=1024)
def made_of(payload: bytes) -> Made:
    """What those bytes say, mostly the same object for the same; Damaged where they say nothing."""
    reader = Reader(payload)
    builder_version = reader.text()
    source_version = payload[reader.at :]
    read_scalar(source_version)
    form = made_form(builder_version, source_version or b"null")
    return Made(builder_version, canonical(builder_version), source_version, form)


class Said(NamedTuple):
    """What the index says of a version; the times in microseconds."""

    number: int
    snapshot: bytes
    made: Made
    observed_at: int
    recorded_at: int


def read_said(number: int, payload: bytes) -> Said:
    """The version that an entry of its own says; Damaged where it says none."""
    made_at = DIGEST_BYTES + 16
    if len(payload) < made_at:
        raise Damaged("an encoded value is cut short")
    observed_at = int.from_bytes(payload[DIGEST_BYTES : DIGEST_BYTES + 8], "big", signed=True)
    recorded_at = int.from_bytes(payload[DIGEST_BYTES + 8 : made_at], "big", signed=True)
    time_text(observed_at)
    time_text(recorded_at)
    return Said(number, payload[:DIGEST_BYTES], made_of(payload[made_at:]), observed_at, recorded_at)


@lru_cache(maxsize=1024)
def time_text(microseconds: int) -> bytes:
    """A moment as it stands in the fingerprint; Damaged where there is no such moment."""
    return time_form(read_moment(microseconds))


def read_moment(microseconds: int) -> datetime:
    """The moment so long after 1970; Damaged where there is none."""
    return from_microseconds(microseconds)
