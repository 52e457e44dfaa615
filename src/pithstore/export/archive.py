"""The archive format: a history as lines of JSON that can be read without pithstore.  Pure: lines ↔ values.

The first line is the header, the last one the trailer, and each line between them a version: sources in the order
of their keys, the versions of a source by rising number.  The record is the last member of its line and stands
there in canonical form, so that it can be cut out and hashed.  A value has one spelling here: every other one is
refused.  See docs/export.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import NoReturn, TypeVar

import attrs

from pithstore.canonical import CANONICAL_FORM
from pithstore.digest import Digest
from pithstore.errors import Damaged, FormatUnknown, InvalidRecord, PithstoreError, UsageError
from pithstore.fingerprint import fingerprint
from pithstore.keys import MAX_NUMBER, source_key
from pithstore.model import Source, Version
from pithstore.pointer import Json
from pithstore.times import read_time, write_time

T = TypeVar("T")

ARCHIVE_FORMAT = 1
_NAME = "pithstore"
# In a JSON string every `"` has a `\` in front, so these bytes stand where the member begins and nowhere before.
_RECORD = b',"record":'
_TRAILER = b'{"versions":'
_HEADER_BYTES = 1024 * 1024


@attrs.frozen
class ArchiveHeader:
    """The first line: the configuration of the store, and what of it was exported (None for everything)."""

    configuration: Json
    selection: Json = None


@attrs.frozen
class ArchivedVersion:
    """A line between: a version, and its record in canonical form."""

    version: Version
    record: bytes


@attrs.frozen
class ArchiveTrailer:
    """The last line: what the lines before it add up to.

    `record_bytes` counts those of the records, `fingerprint` is the sum over the versions, and `sha256` is of all
    bytes before the last line.
    """

    versions: int
    sources: int
    record_bytes: int
    fingerprint: int
    sha256: Digest


_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False).encode


def encode_header(header: ArchiveHeader) -> bytes:
    """The first line, with its line break."""
    return _line(
        {
            "archive": _NAME,
            "format": ARCHIVE_FORMAT,
            "canonical_form": CANONICAL_FORM,
            "configuration": header.configuration,
            "selection": header.selection,
        }
    )


def decode_header(line: bytes) -> ArchiveHeader:
    """The header that `encode_header` wrote; UsageError for another text, FormatUnknown for a later format."""
    members = _members(line)
    if members is None or members.get("archive") != _NAME:
        raise UsageError('this is not an archive: the first line of one starts with {"archive":"pithstore"')
    found = (members.get("format"), members.get("canonical_form"))
    if found != (ARCHIVE_FORMAT, CANONICAL_FORM):
        raise FormatUnknown(
            f"the archive is of format {found[0]!r}, form {found[1]!r}; this pithstore reads format "
            f"{ARCHIVE_FORMAT}, form {CANONICAL_FORM}: use a newer pithstore"
        )
    header = ArchiveHeader(members.get("configuration"), members.get("selection"))
    if _spelled(encode_header, header) != line:
        raise Damaged("the header is not spelled as an archive spells it")
    return header


def encode_version(archived: ArchivedVersion) -> bytes:
    """The line of a version, with its line break."""
    version = archived.version
    members: dict[str, Json] = {
        "kind": version.source.kind,
        "id": version.source.id,
        "number": version.number,
        "builder_version": version.builder_version,
        "source_version": version.source_version,
        "observed_at": write_time(version.observed_at),
        "recorded_at": write_time(version.recorded_at),
        "snapshot": str(version.snapshot),
    }
    return b"".join((_line(members)[:-2], _RECORD, archived.record, b"}\n"))


def decode_version(line: bytes) -> ArchivedVersion:
    """The version that `encode_version` wrote, its record hashed; Damaged says what is not as it was."""
    head, _, rest = line.partition(_RECORD)
    version = _version(_members(head + b"}"))
    archived = None if version is None else ArchivedVersion(version, rest[:-2])
    if archived is None or _spelled(encode_version, archived) != line:
        raise Damaged("this is not spelled as an archive spells a version")
    if Digest.of(archived.record) != archived.version.snapshot:
        raise Damaged(f"the SHA-256 of the record is not {archived.version.snapshot}")
    return archived


def _version(members: dict[str, Json] | None) -> Version | None:
    match members:
        case {
            "kind": str(kind),
            "id": str(identity),
            "number": int(number),
            "builder_version": str(builder),
            "source_version": str() | int() | float() | None as source_version,
            "observed_at": str(observed_at),
            "recorded_at": str(recorded_at),
            "snapshot": str(snapshot),
        } if type(number) is int and 0 < number <= MAX_NUMBER:
            try:
                return Version(
                    source=Source(kind, identity),
                    number=number,
                    builder_version=builder,
                    source_version=source_version,
                    snapshot=Digest.from_text(snapshot),
                    observed_at=read_time(observed_at),
                    recorded_at=read_time(recorded_at),
                )
            except UsageError:
                return None
    return None


def encode_trailer(trailer: ArchiveTrailer) -> bytes:
    """The last line, with its line break."""
    return _line(
        {
            "versions": trailer.versions,
            "sources": trailer.sources,
            "record_bytes": trailer.record_bytes,
            "fingerprint": f"{trailer.fingerprint:064x}",
            "sha256": str(trailer.sha256),
        }
    )


def _line(members: dict[str, Json]) -> bytes:
    return _encode(members).encode() + b"\n"


def _spelled(encode: Callable[[T], bytes], value: T) -> bytes | None:
    """The line of a value; None for what no archive can hold, as half of a surrogate pair or NaN."""
    try:
        return encode(value)
    except (ValueError, RecursionError):
        return None


def _members(line: bytes) -> dict[str, Json] | None:
    """The members of a JSON object; None where the line is not one."""
    try:
        value: Json = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


class Tally:
    """What the lines of an archive add up to, while they go by."""

    def __init__(self) -> None:
        self._state = sha256()
        self._versions = self._sources = self._record_bytes = self._fingerprint = 0
        self._last: Version | None = None

    def add_text(self, line: bytes) -> None:
        """Count the bytes of a line."""
        self._state.update(line)

    def add(self, archived: ArchivedVersion) -> None:
        """Count a version; Damaged where it cannot stand behind the one before it."""
        version, last = archived.version, self._last
        if last is not None:
            _check_order(last, version)
        self._versions += 1
        self._sources += last is None or last.source != version.source
        self._record_bytes += len(archived.record)
        self._fingerprint = (self._fingerprint + fingerprint(version)) % 2**256
        self._last = version

    def trailer(self) -> ArchiveTrailer:
        """The trailer of all that was counted."""
        digest = Digest(self._state.digest())
        return ArchiveTrailer(self._versions, self._sources, self._record_bytes, self._fingerprint, digest)


def _check_order(last: Version, version: Version) -> None:
    if last.source == version.source:
        if version.number <= last.number:
            raise Damaged(f"version {version.number} of {version.source} stands behind version {last.number}")
        if version.recorded_at < last.recorded_at:
            raise Damaged(
                f"version {version.number} of {version.source} was recorded before version {last.number}"
            )
    elif source_key(version.source) < source_key(last.source):
        raise Damaged(f"{version.source} stands behind {last.source}: sources stand in the order of their keys")


class ArchiveWriter:
    """Gives the lines of an archive to `write`: the header at once, the trailer at the `end`."""

    def __init__(self, write: Callable[[bytes], object], header: ArchiveHeader) -> None:
        self._write = write
        self._tally = Tally()
        self._say(encode_header(header))

    def _say(self, line: bytes) -> None:
        self._tally.add_text(line)
        self._write(line)

    def add(self, archived: ArchivedVersion) -> None:
        """Write a version; they come in the order of an archive."""
        self._tally.add(archived)
        self._say(encode_version(archived))

    def end(self) -> ArchiveTrailer:
        """Write the last line; what it says."""
        trailer = self._tally.trailer()
        self._write(encode_trailer(trailer))
        return trailer


class ArchiveReader:
    """Reads the lines of an archive once, in order; every error names the archive and the line.

    Nothing is known to be whole before `trailer` is there, which is when `versions` has come to its end.
    """

    def __init__(self, name: str, readline: Callable[[int], bytes]) -> None:
        """Read the header of the archive that is called so; `readline` gives at most so many bytes of a line."""
        self._name = name
        self._readline = readline
        self._line = 0
        self._limit = _HEADER_BYTES
        self._tally = Tally()
        self.trailer: ArchiveTrailer | None = None
        try:
            line = self._next()
            self.header = decode_header(line)
        except PithstoreError as error:
            self.refuse(error)
        self._tally.add_text(line)

    def _next(self) -> bytes:
        self._line += 1
        line = self._readline(self._limit + 1)
        if len(line) > self._limit:
            raise Damaged(f"the line has more than {self._limit} bytes")
        return line

    def refuse(self, error: PithstoreError) -> NoReturn:
        """Raise the error, with the archive and the line that was read last in front."""
        place = f"{self._name}:{self._line}"
        raise (error.of(place) if isinstance(error, InvalidRecord) else type(error)(f"{place}: {error}")) from None

    def versions(self, record_bytes: int) -> Iterator[ArchivedVersion]:
        """The versions, whose records have at most so many bytes; Damaged where the archive is not as it was."""
        self._limit = 2 * record_bytes + _HEADER_BYTES  # what a line says beside its record is mostly from it
        while True:
            try:
                line = self._next()
                archived = self._read(line)
            except PithstoreError as error:
                self.refuse(error)
            if archived is None:
                return
            self._tally.add_text(line)
            yield archived

    def _read(self, line: bytes) -> ArchivedVersion | None:
        """The version of a line; None for the last line, which fits."""
        if not line.endswith(b"\n"):
            raise Damaged("the archive ends here, before its last line: it was cut; get a whole copy of it")
        if line.startswith(_TRAILER):
            self._end(line)
            return None
        archived = decode_version(line)
        self._tally.add(archived)
        return archived

    def _end(self, line: bytes) -> None:
        expected = self._tally.trailer()
        if line != encode_trailer(expected):
            raise Damaged(
                "the last line is not what the lines before it add up to; get a whole copy of the archive"
            )
        if self._next():
            raise Damaged("the archive goes on behind its last line")
        self.trailer = expected
