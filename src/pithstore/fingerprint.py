"""One number for the whole history: equal in two stores that hold the same versions, whatever holds them.

It is the sum, modulo 2^256, of a BLAKE3 of each version.  A sum does not care for the order, takes a version out
again by subtraction, and unlike XOR does not lose a version that is there twice.
"""

from __future__ import annotations

from blake3 import blake3

from pithstore.canonical import canonical
from pithstore.model import Version
from pithstore.times import write_time


def fingerprint(version: Version) -> int:
    """What one version adds: the BLAKE3 of the canonical form of all that the index says of it."""
    return int.from_bytes(
        blake3(
            canonical(
                [
                    version.source.kind,
                    version.source.id,
                    version.number,
                    version.builder_version,
                    version.source_version,
                    str(version.snapshot),
                    write_time(version.observed_at),
                    write_time(version.recorded_at),
                ]
            )
        ).digest(),
        "big",
    )
