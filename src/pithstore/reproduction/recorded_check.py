"""A reproduction as it is kept, and its encoding: digests, names and pointers, never a value of a record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import get_args

import attrs

from pithstore.canonical import canonical
from pithstore.codec import Reader, write_bytes, write_number
from pithstore.digest import Digest
from pithstore.errors import Damaged
from pithstore.keys import MAX_NUMBER
from pithstore.model import Source
from pithstore.reproduction.verdict import FailureReason, Outcome, Reproduction

MOST_TEXTS, MOST_CHARACTERS = 100, 16 * 1024
_OUTCOMES: dict[str, Outcome] = {outcome: outcome for outcome in get_args(Outcome)}
_REASONS: dict[str, FailureReason] = {reason: reason for reason in get_args(FailureReason)}


@attrs.frozen
class RecordedCheck:
    """What is kept of a reproduction, so that checks have a history too.

    `snapshot` is what was stored, `rebuilt` what came, `builder` the digest of the builder_version that it names.
    `pointers` says where `changes` (their number) lie, between the stored and the rebuilt record or between two
    runs.  Of section names, pointers and ignored pointers at most 100 are kept each, and 16,384 characters.
    """

    source: Source
    number: int
    checked_at: datetime
    snapshot: Digest
    verdict: Outcome
    rebuilt: Digest | None = None
    builder: Digest | None = None
    failure: FailureReason | None = None
    changes: int = 0
    sections: tuple[str, ...] = ()
    pointers: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


def check_of(reproduction: Reproduction, checked_at: datetime) -> RecordedCheck:
    """What is kept of a reproduction."""
    version, changes = reproduction.version, reproduction.changes or reproduction.observed
    return RecordedCheck(
        source=version.source,
        number=version.number,
        checked_at=checked_at,
        snapshot=version.snapshot,
        verdict=reproduction.verdict,
        rebuilt=reproduction.rebuilt,
        builder=None if reproduction.rebuilt_by is None else builder_digest(reproduction.rebuilt_by),
        failure=None if reproduction.failure is None else reproduction.failure.reason,
        changes=len(changes),
        sections=_bounded(reproduction.sections),
        pointers=_bounded(change.path for change in changes),
        ignored=_bounded(reproduction.ignored),
    )


def builder_digest(builder_version: str) -> Digest:
    """The digest of the canonical form of a builder_version: of the blob, where it is a section of its own."""
    return Digest.of(canonical(builder_version))


def _bounded(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(_within(texts))


def _within(texts: Iterable[str]) -> Iterator[str]:
    left = MOST_CHARACTERS
    for count, text in enumerate(texts):
        left -= len(text)
        if count == MOST_TEXTS or left < 0:
            return
        yield text


def encode_check(check: RecordedCheck) -> bytes:
    """All of a check but its time, which is in its key."""
    texts = (check.source.kind, check.source.id, check.verdict, check.failure or "")
    lists = (check.sections, check.pointers, check.ignored)
    return b"".join(
        (
            *map(_write_text, texts),
            write_number(check.number),
            write_number(check.changes),
            check.snapshot,
            write_bytes(check.rebuilt or b""),
            write_bytes(check.builder or b""),
            *(write_number(len(listed)) + b"".join(map(_write_text, listed)) for listed in lists),
        )
    )


def _write_text(text: str) -> bytes:
    return write_bytes(text.encode())


def decode_check(checked_at: datetime, data: bytes) -> RecordedCheck:
    """The check that `encode_check` wrote; Damaged for any other bytes."""
    reader = Reader(data)
    source = Source(reader.text(), reader.text())
    verdict, failure = _OUTCOMES.get(reader.text()), _failure(reader.text())
    number, changes, snapshot = reader.number(), reader.number(), reader.digest()
    rebuilt, builder = _digest(reader), _digest(reader)
    sections, pointers, ignored = _texts(reader), _texts(reader), _texts(reader)
    reader.end()
    if number > MAX_NUMBER:
        raise Damaged("an encoded check is of a version whose number cannot be")
    if verdict is None:
        raise Damaged("an encoded check has a verdict that is not known")
    return RecordedCheck(
        source,
        number,
        checked_at,
        snapshot,
        verdict,
        rebuilt,
        builder,
        failure,
        changes,
        sections,
        pointers,
        ignored,
    )


def _failure(text: str) -> FailureReason | None:
    if text and text not in _REASONS:
        raise Damaged("an encoded check has a reason that is not known")
    return _REASONS.get(text)


def _digest(reader: Reader) -> Digest | None:
    raw = reader.raw(reader.number())
    try:
        return Digest(raw) if raw else None
    except ValueError:
        raise Damaged("an encoded digest has another length") from None


def _texts(reader: Reader) -> tuple[str, ...]:
    return tuple(reader.text() for _ in range(reader.number()))
