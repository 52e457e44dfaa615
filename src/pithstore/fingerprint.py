"""One number for the whole history: equal in two stores that hold the same versions, whatever holds them.

It is the sum, modulo 2^256, of a BLAKE3 of each version.  A sum does not care for the order, takes a version out
again by subtraction, and unlike XOR does not lose a version that is there twice.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from blake3 import blake3

from pithstore.canonical import canonical
from pithstore.model import Version
from pithstore.times import write_time

_SHORT = 100  # characters of a text that is worth keeping


def fingerprint(version: Version) -> int:
    """What one version adds: the BLAKE3 of the canonical form of all that the index says of it."""
    observed_at, recorded_at = version.observed_at, version.recorded_at
    recorded, said = _time(recorded_at), version.source_version
    fields = (
        _text(version.source.kind),
        _text(version.source.id),
        b"%d" % version.number,
        _text(version.builder_version),
        b"%d" % said if type(said) is int else canonical(said),
        b'"' + version.snapshot.hex().encode() + b'"',
        recorded if observed_at is recorded_at else _time(observed_at),
        recorded,
    )
    return int.from_bytes(blake3(b"[" + b",".join(fields) + b"]").digest(), "big")


# A put brings many versions of one moment and one builder, and a history many of one source.


def _text(text: str) -> bytes:
    return _short(text) if len(text) <= _SHORT else canonical(text)


@lru_cache(maxsize=4096)
def _short(text: str) -> bytes:
    return canonical(text)


@lru_cache(maxsize=64)
def _time(moment: datetime) -> bytes:
    return canonical(write_time(moment))
