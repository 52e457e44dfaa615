"""The one type that names content."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Self

from pithstore.errors import UsageError

DIGEST_BYTES = 32
_new = bytes.__new__
_HEX = re.compile(r"[0-9a-f]{64}")


class Digest(bytes):
    """The 32 bytes of a SHA-256.  Its text is 64 lower-case hexadecimal digits; it orders as its bytes do."""

    __slots__ = ()

    def __new__(cls, raw: bytes) -> Self:
        """Take exactly 32 bytes; ValueError for any other number of them."""
        if len(raw) != DIGEST_BYTES:
            raise ValueError(f"a digest has {DIGEST_BYTES} bytes, not {len(raw)}")
        return super().__new__(cls, raw)

    @classmethod
    def of(cls, first: bytes = b"", *others: bytes) -> Self:
        """The digest of the pieces, one after the other."""
        state = sha256(first)
        for piece in others:
            state.update(piece)
        return _new(cls, state.digest())

    @classmethod
    def with_and_without(cls, data: bytes, start: int, end: int) -> tuple[Self, Self]:
        """The digest of the data, and that of the data without `data[start:end]`."""
        view = memoryview(data)
        whole = sha256(view[:start])  # what both have in common is hashed once
        rest = whole.copy()
        whole.update(view[start:])
        rest.update(view[end:])
        return _new(cls, whole.digest()), _new(cls, rest.digest())

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The digest that 64 hexadecimal digits write; UsageError for anything else."""
        if not _HEX.fullmatch(text.lower()):
            raise UsageError(f"{text[:80]!r} is not a digest: give the 64 hexadecimal digits of a SHA-256")
        return cls(bytes.fromhex(text))

    def __str__(self) -> str:
        return self.hex()

    def __repr__(self) -> str:
        return f"Digest({self.hex()!r})"
