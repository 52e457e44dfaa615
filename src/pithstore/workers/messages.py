"""What worker processes and whoever started them tell each other, in bytes that are quick to write and to read.

What texts say is plain tuples by `marshal`: both sides are the same Python and the same pithstore.
"""

from __future__ import annotations

import marshal
import pickle
import struct
import traceback
from array import array
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TypeAlias

import attrs

from pithstore.configuration import Configuration
from pithstore.declared.declarations import Declaration
from pithstore.digest import Digest
from pithstore.errors import InvalidRecord
from pithstore.model import Line, Manifest, Scalar, SectionEntry, Source
from pithstore.profile import Verdict
from pithstore.reading import Section
from pithstore.record import Prepared
from pithstore.refusal import Reason
from pithstore.texts import AnyText, PreparedText

_Declared: TypeAlias = tuple[Verdict, bytes, bytes]
_Section: TypeAlias = tuple[str, bytes, bytes, _Declared | None]
_Accepted: TypeAlias = tuple[bytes, str, str, str, Scalar, bytes, int, list[int]]
_Refused: TypeAlias = tuple[str, str, str, int | None, int | None, str | None]

_LENGTH = struct.Struct("=Q")
_PLAIN = 2  # the version of marshal that does not look at every object whether it came before
_OVERHEAD = 800
"""Bytes that a section takes on both sides beside its canonical bytes, at most."""


@attrs.frozen
class Task:
    """What a worker is for: how records are read, and how many bytes it may use to know sections again."""

    configuration: Configuration
    memory: int


def write_task(task: Task) -> bytes:
    """What a worker is told first."""
    return pickle.dumps(task)


def read_task(message: bytes) -> Task:
    """The task that was written."""
    task: Task = pickle.loads(message)  # noqa: S301 - from the process that started this one
    return task


def write_texts(texts: Sequence[bytes]) -> bytes:
    """Texts to be prepared: their number and lengths, then the texts."""
    return b"".join((array("Q", [len(texts), *map(len, texts)]).tobytes(), *texts))


def read_texts(message: memoryview) -> list[bytes]:
    """The texts that were written."""
    (count,) = _LENGTH.unpack_from(message)
    start = (1 + count) * _LENGTH.size
    ends = accumulate(message[_LENGTH.size : start].cast("Q"), initial=start)
    return [bytes(message[begin:end]) for begin, end in pairwise(ends)]


def write_failure(error: Exception) -> bytes:
    """An error of the worker itself, with where it arose."""
    error.add_note("in a worker process:\n" + "".join(traceback.format_tb(error.__traceback__)))
    try:
        pickled = pickle.dumps(error)
    except Exception:  # noqa: BLE001 - an error may hold anything, also what cannot be pickled
        pickled = b""
    return marshal.dumps((pickled, "".join(traceback.format_exception_only(error))), _PLAIN)


def read_failure(message: memoryview) -> Exception:
    """The error that was written, or one that says the same."""
    told: tuple[bytes, str] = marshal.loads(message)  # noqa: S302 - from a process that we started
    try:
        error: Exception = pickle.loads(told[0])  # noqa: S301 - the same
    except Exception:  # noqa: BLE001 - nor need what was pickled be there, or take what it is called with
        error = RuntimeError(told[1])
    return error


class Telling:
    """The side of a worker: what texts say, where a section that was told before is its number."""

    def __init__(self, limit: int) -> None:
        """Take how many bytes of sections the other side may keep."""
        self._limit = limit
        self._bytes = 0
        self._numbers: dict[tuple[str, Digest], int] = {}

    def write(self, found: Sequence[AnyText]) -> bytes:
        """What the texts say, in order."""
        if self._bytes > self._limit:
            self._bytes, self._numbers = 0, {}
        first, new = len(self._numbers), list[_Section]()
        told = [_refused(each) if isinstance(each, InvalidRecord) else self._accepted(each, new) for each in found]
        return marshal.dumps((first, new, told), _PLAIN)

    def _accepted(self, found: PreparedText, new: list[_Section]) -> _Accepted:
        record, line = found.prepared, found.prepared.line
        return (
            found.text_hash,
            line.source.kind,
            line.source.id,
            line.builder_version,
            record.source_version,
            bytes(record.snapshot),
            record.size,
            [
                self._number(record, entry, body, new)
                for entry, body in zip(record.manifest.sections, record.bodies, strict=True)
            ],
        )

    def _number(self, record: Prepared, entry: SectionEntry, body: bytes, new: list[_Section]) -> int:
        key = entry.name, entry.digest
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._numbers)
            self._bytes += _OVERHEAD + len(body)
            declared = (_declared(each) for each in record.declarations if each.section == entry.name)
            new.append((entry.name, bytes(entry.digest), body, next(declared, None)))
        return number


def _declared(declaration: Declaration) -> _Declared:
    return declaration.verdict, declaration.declared, declaration.content


def _refused(error: InvalidRecord) -> _Refused:
    return str(error), str(error.reason), error.why, error.line, error.offset, error.pointer


class Hearing:
    """The other side: reads every message of one worker, in the order in which they were written."""

    def __init__(self) -> None:
        self._sections: list[Section] = []

    def read(self, message: memoryview) -> list[AnyText]:
        """What the texts say, equal to what was written."""
        heard: tuple[int, list[_Section], list[_Accepted | _Refused]]
        heard = marshal.loads(message)  # noqa: S302 - from a process that we started
        first, new, told = heard
        del self._sections[first:]
        self._sections += [_section(*each) for each in new]
        return [self._accepted(*each) if len(each) == 8 else _invalid(*each) for each in told]

    def _accepted(
        self,
        text_hash: bytes,
        kind: str,
        identity: str,
        builder_version: str,
        source_version: Scalar,
        snapshot: bytes,
        size: int,
        numbers: list[int],
    ) -> PreparedText:
        sections = [self._sections[number] for number in numbers]
        prepared = Prepared(
            line=Line(Source(kind, identity), builder_version),
            source_version=source_version,
            snapshot=Digest(snapshot),
            manifest=Manifest(tuple([section.entry for section in sections])),
            bodies=tuple([section.body for section in sections]),
            size=size,
            declarations=tuple([each.declaration for each in sections if each.declaration is not None]),
        )
        return PreparedText(prepared, text_hash)


def _section(name: str, digest: bytes, body: bytes, declared: _Declared | None) -> Section:
    declaration = None if declared is None else Declaration(name, *declared)
    return Section(SectionEntry(name, Digest(digest), len(body)), body, declaration)


def _invalid(
    message: str, reason: str, why: str, line: int | None, offset: int | None, pointer: str | None
) -> InvalidRecord:
    return InvalidRecord(message, reason=Reason(reason), why=why, line=line, offset=offset, pointer=pointer)
