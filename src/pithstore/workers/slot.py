"""Memory that two processes share.  What is in it is told through a pipe, whose few bytes never block."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from mmap import ACCESS_READ, mmap
from typing import TypeVar

from pithstore.errors import StorageFailed

T = TypeVar("T")


class Slot:
    """A file without a name, for one message at a time."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def new(cls) -> Slot:
        """A slot that nobody else knows yet."""
        with _refused():
            if hasattr(os, "memfd_create"):
                return cls(os.memfd_create("pithstore"))
            descriptor, path = tempfile.mkstemp(prefix="pithstore")
            os.unlink(path)
        return cls(descriptor)

    def write(self, message: bytes) -> int:
        """Put the message in place of what was there; how many bytes it has."""
        done = 0
        with _refused():
            while done < len(message):
                done += os.pwrite(self.descriptor, memoryview(message)[done:], done)
        return done

    def read(self, size: int, decode: Callable[[memoryview], T]) -> T:
        """What the first bytes mean; `decode` keeps none of the memory that it is shown."""
        with mmap(self.descriptor, size, access=ACCESS_READ) as shared, memoryview(shared) as view:
            return decode(view)

    def read_all(self) -> bytes:
        """All that was ever written, from the first byte to the last."""
        size = os.fstat(self.descriptor).st_size
        return self.read(size, bytes) if size else b""

    def close(self) -> None:
        """Let go of the memory."""
        os.close(self.descriptor)


@contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        raise StorageFailed(f"memory for worker processes cannot be had: {why}; put with fewer workers") from None
