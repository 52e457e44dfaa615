"""A file that is there whole or not at all: written beside its name, renamed when it is complete."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from pithstore.errors import StorageFailed, UsageError

_ZSTD_LEVEL = 9
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY


@contextmanager
def new_file(name: str) -> Iterator[BinaryIO]:
    """A stream to what will be the file of that name, in place of one that is there; `.zst` compresses it.

    If the block ends with an error, nothing has happened.  UsageError where no such file can be made,
    StorageFailed where the medium refuses.  A device or a pipe is written to as it is.
    """
    target = os.path.realpath(name)
    with _written(name, target) as stream, _compressed(stream, name) as plain:
        yield plain


@contextmanager
def _written(name: str, target: str) -> Iterator[BinaryIO]:
    beside = _name_beside(target)
    try:
        stream = open(target if beside is None else beside, "wb" if beside is None else "xb")  # noqa: SIM115
    except OSError as error:
        raise UsageError(f"{name or repr(name)} cannot be written: {error.strerror}") from None
    try:
        with _storage_errors(name):
            with stream:
                yield stream
                stream.flush()
                if beside is not None:
                    os.fsync(stream.fileno())
            if beside is not None:
                os.replace(beside, target)
                _sync_directory(os.path.dirname(target))
    except BaseException:  # whatever it is, Ctrl-C too: half a file helps nobody
        if beside is not None:
            with suppress(OSError):
                os.unlink(beside)
        raise


def _name_beside(target: str) -> str | None:
    """Where to write until it is complete; None for what is no file and cannot be replaced."""
    if os.path.exists(target) and not os.path.isfile(target):
        return None
    return os.path.join(os.path.dirname(target), f".pithstore-{os.getpid()}-{time.monotonic_ns()}.part")


@contextmanager
def _storage_errors(name: str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:  # whoever reads a pipe has seen enough
        raise
    except OSError as error:
        raise StorageFailed(f"{name} cannot be written: {error.strerror or error}") from None


@contextmanager
def _compressed(stream: BinaryIO, name: str) -> Iterator[BinaryIO]:
    if not name.endswith(".zst"):
        yield stream
        return
    from zstandard import ZstdCompressor  # only for those who want such files

    compressor = ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True)
    with compressor.stream_writer(stream, closefd=False) as writer:
        yield writer


def _sync_directory(directory: str) -> None:
    descriptor = os.open(directory, _DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
