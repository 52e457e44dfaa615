"""Compressed streams, told apart by their first bytes and expanded in bounded memory."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from pithstore.errors import StorageFailed

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_ZSTD_WINDOW = 2**27  # what the zstd tool accepts without being asked
_ZSTD_PIECE = (
    512  # bytes; a block of 4 bytes can hold 128 KiB (RFC 8878 section 3.1.1.2), so this expands to 16 MiB
)


@contextmanager
def expanded(raw: io.BufferedReader, name: str) -> Iterator[io.BufferedIOBase]:
    """The plain bytes of a stream, from where it stands; StorageFailed where the compression is damaged or cut."""
    try:
        yield _expanded(raw)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise StorageFailed(f"{name}: the gzip stream is damaged ({error}); get a whole copy of it") from None
    except _ZstdDamaged as error:
        raise StorageFailed(f"{name}: the zstd stream is damaged ({error}); get a whole copy of it") from None


def _expanded(raw: io.BufferedReader) -> io.BufferedIOBase:
    head = raw.peek(len(_ZSTD))
    if head.startswith(_GZIP):
        return gzip.GzipFile(fileobj=raw)
    return io.BufferedReader(_Zstd(raw)) if head.startswith(_ZSTD) else raw


class _ZstdDamaged(Exception):
    """The stream is no zstd, or ends inside a frame."""


class _Zstd(io.RawIOBase):
    """The plain bytes of zstd frames.  zstandard's own reader takes a cut stream for a whole one."""

    def __init__(self, raw: io.BufferedReader) -> None:
        from zstandard import ZstdDecompressor  # only for those who have such files

        self._raw = raw
        self._decompressor = ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._frame = self._decompressor.decompressobj()
        self._rest = b""
        self._pending = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io.RawIOBase asks for any buffer
        while not self._pending:
            if not self._fill():
                return 0
        count = min(len(buffer), len(self._pending))
        buffer[:count] = self._pending[:count]
        self._pending = self._pending[count:]
        return count

    def _fill(self) -> bool:
        from zstandard import ZstdError

        piece = self._rest or self._raw.read(_ZSTD_PIECE)
        if not piece:
            if not self._frame.eof:
                raise _ZstdDamaged("it ends inside a frame")
            return False
        if self._frame.eof:
            self._frame = self._decompressor.decompressobj()
        try:
            self._pending = memoryview(self._frame.decompress(piece))
        except ZstdError as error:
            raise _ZstdDamaged(str(error)) from None
        self._rest = self._frame.unused_data if self._frame.eof else b""
        return True
