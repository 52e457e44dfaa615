"""An archive that lies in a file: plain, gzip or zstd, told by its content."""

from __future__ import annotations

import os
import stat as file_modes
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs

from pithstore.arrivals import Restored
from pithstore.compression import expanded
from pithstore.configuration import Configuration
from pithstore.errors import Damaged, PithstoreError, StorageFailed, UsageError
from pithstore.export.archive import ArchiveReader, ArchiveTrailer
from pithstore.restored import restored
from pithstore.wire import from_json

_STEP = 1024 * 1024

Advanced = Callable[[int], None]
"""Is told how many more bytes of the file have been read."""


@attrs.frozen
class Contents:
    """What a whole archive holds: the configuration of its store, and what it adds up to."""

    configuration: Configuration
    trailer: ArchiveTrailer


class ArchiveFile:
    """A file that holds an archive.  It is read twice, so it cannot be a pipe."""

    def __init__(self, name: str, advanced: Advanced = lambda _: None) -> None:
        """Name the file; UsageError where it cannot be read."""
        self.name = name
        self._advanced = advanced
        if name == "-":
            raise UsageError("an archive is read twice and cannot come from the standard input; name its file")
        try:
            status = os.stat(name)
        except (OSError, ValueError) as error:
            raise _unreadable(name, error) from None
        if not file_modes.S_ISREG(status.st_mode):
            raise UsageError(f"{name} is not a file; an archive is read twice and cannot come from a pipe")

    def check(self) -> Contents:
        """What the archive holds, once all of it was read; UsageError or Damaged where it is none or not whole."""
        with self._reader() as archive:
            try:
                configuration = from_json(archive.header.configuration, Configuration)
            except PithstoreError as error:
                archive.refuse(error)
            for _ in archive.versions(configuration.limits.record_bytes):
                pass
        if archive.trailer is None:  # versions() comes to its end at the trailer alone
            raise Damaged(f"{self.name}: the archive has no last line")
        return Contents(configuration, archive.trailer)

    def arrivals(self, contents: Contents, skip: int) -> Iterator[Restored]:
        """The versions behind the first `skip`, ready to be stored; the archive was found to hold these contents.

        InvalidRecord or Damaged where a record is not one that the store would have taken as that version.
        """
        configuration = contents.configuration
        with self._reader() as archive:
            for position, archived in enumerate(archive.versions(configuration.limits.record_bytes)):
                if position >= skip:
                    try:
                        arrival = restored(archived.version, archived.record, configuration)
                    except PithstoreError as error:
                        archive.refuse(error)
                    yield arrival
        if archive.trailer != contents.trailer:
            raise Damaged(f"{self.name} changed while it was read; take the store away and restore once more")

    @contextmanager
    def _reader(self) -> Iterator[ArchiveReader]:
        try:
            raw = open(self.name, "rb")  # noqa: SIM115
        except OSError as error:
            raise _unreadable(self.name, error) from None
        read = 0

        def readline(limit: int) -> bytes:
            nonlocal read
            if (position := raw.tell()) >= read + _STEP:
                self._advanced(position - read)
                read = position
            return stream.readline(limit)

        with raw, _readable(self.name), expanded(raw, self.name) as stream:
            yield ArchiveReader(self.name, readline)
            self._advanced(raw.tell() - read)


def _unreadable(name: str, error: OSError | ValueError) -> UsageError:
    return UsageError(f"{name or repr(name)} cannot be read: {getattr(error, 'strerror', None) or error}")


@contextmanager
def _readable(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFailed(f"{name} cannot be read: {error.strerror or error}") from None
