"""The checksum of every entry that is not named by its own hash: 8 bytes of BLAKE3 behind the value.

It covers space and key too: an entry that turns up under another key is damaged.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from blake3 import blake3

from pithstore.errors import Damaged

SEAL_BYTES = 8
_LONG = 2048  # bytes that are not worth another copy


def seal(space: str, key: bytes, payload: bytes) -> bytes:
    """The payload with its checksum behind it."""
    return payload + _checksum(space, key, payload)


def seal_many(space: str, entries: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Keys and payloads as sealed items, in the order of their keys."""
    # Written out, as a put seals nine entries for a record: a call for each costs a fifth of it.
    return sorted(
        [
            (key, payload + blake3(b"".join((_start(space, len(key)), key, payload))).digest(SEAL_BYTES))
            for key, payload in entries
        ]
    )


def unseal(space: str, key: bytes, value: bytes) -> bytes:
    """The payload of a sealed value; Damaged if any bit of space, key or value is another."""
    payload = value[:-SEAL_BYTES]
    if len(value) < SEAL_BYTES or _checksum(space, key, payload) != value[-SEAL_BYTES:]:
        raise Damaged(f"an entry of {space} does not match its checksum (key {key[:80].hex()})")
    return payload


def is_sealed(space: str, key: bytes, value: bytes) -> bool:
    """Whether the value is one that was sealed as that of this key in this space."""
    return len(value) >= SEAL_BYTES and _checksum(space, key, value[:-SEAL_BYTES]) == value[-SEAL_BYTES:]


def _checksum(space: str, key: bytes, payload: bytes) -> bytes:
    if len(payload) > _LONG:
        return blake3(_start(space, len(key)) + key).update(payload).digest(SEAL_BYTES)
    return blake3(b"".join((_start(space, len(key)), key, payload))).digest(SEAL_BYTES)


@lru_cache(maxsize=4096)  # the spaces are few, and so are the lengths of their keys
def _start(space: str, key_bytes: int) -> bytes:
    name = space.encode()
    return bytes([len(name)]) + name + key_bytes.to_bytes(2, "big")
