"""The checksum of every entry that is not named by its own hash: 8 bytes of BLAKE3 behind the value.

It covers space and key too: an entry that turns up under another key is damaged.
"""

from __future__ import annotations

from functools import cache

from blake3 import blake3

from pithstore.errors import Damaged

SEAL_BYTES = 8


def seal(space: str, key: bytes, payload: bytes) -> bytes:
    """The payload with its checksum behind it."""
    return payload + _checksum(space, key, payload)


def unseal(space: str, key: bytes, value: bytes) -> bytes:
    """The payload of a sealed value; Damaged if any bit of space, key or value is another."""
    payload = value[:-SEAL_BYTES]
    if len(value) < SEAL_BYTES or _checksum(space, key, payload) != value[-SEAL_BYTES:]:
        raise Damaged(f"an entry of {space} does not match its checksum (key {key[:80].hex()})")
    return payload


def _checksum(space: str, key: bytes, payload: bytes) -> bytes:
    return blake3(_name(space) + len(key).to_bytes(2, "big") + key + payload).digest(length=SEAL_BYTES)


@cache  # the spaces are few
def _name(space: str) -> bytes:
    name = space.encode()
    return bytes([len(name)]) + name
