"""A file that is there whole or not at all: written beside its name, renamed when it is complete."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from pithstore.errors import StorageFailed, UsageError

_ZSTD_LEVEL = 9


@contextmanager
def new_file(name: str) -> Iterator[BinaryIO]:
    """A stream into what will be the file of that name, in place of one that is there; `.zst` compresses it.

    If the block ends with an error, nothing has happened.  UsageError where no such file can be made,
    StorageFailed where the medium refuses.  A device or a pipe is written to as it is.
    """
    special = not os.path.basename(name) or (os.path.exists(name) and not os.path.isfile(name))
    with _storage_errors(name), _opened(name, name, "wb") if special else _replacing(name) as stream:
        if name.endswith(".zst"):
            from zstandard import ZstdCompressor  # only for those who want such files

            compressor = ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True)
            with compressor.stream_writer(stream, closefd=False) as writer:
                yield writer
        else:
            yield stream


@contextmanager
def _replacing(name: str) -> Iterator[BinaryIO]:
    target = os.path.realpath(name)  # a link stays one
    directory = os.path.dirname(target)
    beside = os.path.join(directory, f".pithstore-{os.getpid()}-{time.monotonic_ns()}.part")
    with _opened(name, beside, "xb") as stream:
        try:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            os.replace(beside, target)
        except BaseException:  # whatever it is, Ctrl-C too: half a file helps nobody
            with suppress(OSError):
                os.unlink(beside)
            raise
    _sync_directory(directory)


def _opened(name: str, path: str, mode: str) -> BinaryIO:
    try:
        return open(path, mode)  # type: ignore[return-value]  # both modes are binary
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{name or repr(name)} cannot be written: {why}") from None


@contextmanager
def _storage_errors(name: str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:  # whoever reads a pipe has seen enough
        raise
    except OSError as error:
        raise StorageFailed(f"{name} cannot be written: {error.strerror or error}") from None


def _sync_directory(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
