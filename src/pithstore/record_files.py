"""Files of records: JSON and JSON Lines, told apart by their content."""

from __future__ import annotations

import io
import json
import os
import stat as file_modes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import attrs
from blake3 import blake3

from pithstore.compression import expanded
from pithstore.counts import FileProgress
from pithstore.errors import StorageFailed, UsageError

STDIN = "-"
_SPACE = b" \t\r\n"
_PIECE_BYTES = 1024 * 1024


@attrs.frozen
class RecordText:
    """One record's text: the line that it starts on (from 1), and how many lines and bytes of text end with it."""

    text: bytes
    line: int
    lines: int
    text_bytes: int


class RecordFile:
    """One file that is read for records; a context manager."""

    def __init__(self, name: str) -> None:
        """Name a file, or `-` for the standard input."""
        self._is_stdin = name == STDIN
        self.name = "standard input" if self._is_stdin else name
        if self._is_stdin and sys.stdin is None:
            raise StorageFailed("the standard input is closed; name a file, or give it something to read")
        try:
            self._raw = open(0 if self._is_stdin else name, "rb", closefd=not self._is_stdin)  # noqa: SIM115
        except OSError as error:
            raise UsageError(f"{name or repr(name)} cannot be read: {error.strerror}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._raw.close()

    @property
    def size(self) -> int | None:
        """How many bytes the file has; None for what can be read only once."""
        status = os.fstat(self._raw.fileno())
        return status.st_size if file_modes.S_ISREG(status.st_mode) and not self._is_stdin else None

    def position(self) -> int:
        """How many bytes of the file have been read; 0 for what cannot tell, as a pipe."""
        return self._raw.tell() if self._raw.seekable() else 0

    def digest(self) -> bytes:
        """The BLAKE3 of the bytes of the file as it lies there; afterwards it stands at its start."""
        state = blake3()
        with self._readable():
            self._raw.seek(0)
            while piece := self._raw.read(_PIECE_BYTES):
                state.update(piece)
            self._raw.seek(0)
        return state.digest()

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageFailed(f"{self.name} cannot be read: {error.strerror or error}") from None

    def texts(self, limit: int, skip: FileProgress | None = None) -> Iterator[RecordText]:
        """The records in order, or those behind what was put; a text of `limit` + 1 bytes was longer and is cut.

        A first line that is a whole JSON value and is followed by more means JSON Lines, where a record is a line
        that ends at \\n; so does a second line that is a whole object.  Any other file is one record.
        StorageFailed where a compressed stream is damaged.
        """
        with self._readable(), expanded(self._raw, self.name) as stream:
            lines = _Lines(stream, limit)
            if skip is not None:
                lines.pass_over(skip)
                yield from lines
            else:
                yield from _detected(lines)


class _Lines:
    """The lines of a stream that are not blank."""

    def __init__(self, stream: io.BufferedIOBase, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._line = self._bytes = 0
        self.read: bytearray | None = bytearray()
        """What was read so far, as far as a record can be long, while it is not known what the stream is."""

    def __iter__(self) -> Iterator[RecordText]:
        while (text := self.next()) is not None:
            yield text

    def pass_over(self, done: FileProgress) -> None:
        """Go on behind what was put."""
        left = done.text_bytes
        while left and (piece := self._stream.read(min(left, _PIECE_BYTES))):
            left -= len(piece)
        self._line, self._bytes, self.read = done.lines, done.text_bytes, None

    def next(self) -> RecordText | None:
        """The next line that is not blank, without its \\n."""
        while line := self._read_line():
            if line.strip(_SPACE):
                return RecordText(line.removesuffix(b"\n"), self._line, self._line, self._bytes)
        return None

    def _read_line(self) -> bytes:
        line = self._stream.readline(self._limit + 2)
        self._bytes += len(line)
        self._line += 1
        if self.read is not None and len(self.read) <= self._limit:
            self.read += line
        if len(line) == self._limit + 2 and not line.endswith(b"\n"):
            self._pass_line_end()
            line = line[:-1]
        return line

    def _pass_line_end(self) -> None:
        while piece := self._stream.readline(_PIECE_BYTES):
            self._bytes += len(piece)
            if piece.endswith(b"\n"):
                return

    def rest(self) -> RecordText:
        """All of the stream from its start as one text."""
        text = bytes(self.read or b"")
        text += self._stream.read(max(0, self._limit + 1 - len(text)))
        return RecordText(text[: self._limit + 1], 1, self._line, self._bytes)


def _detected(lines: _Lines) -> Iterator[RecordText]:
    first = lines.next()
    second = lines.next() if first is not None else None
    if first is None:
        yield RecordText(b"", 1, 0, 0)  # a file without any record is refused as an empty text
    elif second is None or not (_is_whole(first.text) or _is_whole_object(second.text)):
        yield lines.rest() if second is not None else first
    else:
        lines.read = None
        yield first
        yield second
        yield from lines


def _is_whole(text: bytes) -> bool:
    try:
        json.loads(text, parse_int=len)
    except ValueError:
        return False
    except RecursionError:
        return True  # it is deep: that will be said of this line, and not of the file
    return True


def _is_whole_object(text: bytes) -> bool:
    return text.lstrip(_SPACE).startswith(b"{") and _is_whole(text)
