"""What the entry of a version says beside its snapshot and times: who made it, from which version of the source.

The same again and again: it is read once.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

import attrs

from pithstore.codec import Reader, read_scalar
from pithstore.digest import DIGEST_BYTES
from pithstore.errors import Damaged
from pithstore.fingerprint import made_form, time_form
from pithstore.times import from_microseconds

_MADE_AT = DIGEST_BYTES + 16


@attrs.frozen
class Made:
    """The builder and the source version of a version; that in canonical form, empty for none.

    `payload` is how both are encoded, `form` how they stand in the fingerprint.
    """

    payload: bytes
    builder_version: str
    source_version: bytes
    form: bytes


def made_of(payload: bytes) -> Made:
    """What the payload of a version says; Damaged where it says nothing."""
    return _made(payload[_MADE_AT:])


@lru_cache(maxsize=1024)
def _made(payload: bytes) -> Made:
    reader = Reader(payload)
    builder_version = reader.text()
    source_version = payload[reader.at :]
    read_scalar(source_version)
    return Made(payload, builder_version, source_version, made_form(builder_version, source_version or b"null"))


def times_of(payload: bytes) -> tuple[bytes, bytes]:
    """observed_at and recorded_at of the payload of a version, each in 8 bytes."""
    return payload[DIGEST_BYTES : DIGEST_BYTES + 8], payload[DIGEST_BYTES + 8 : _MADE_AT]


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
