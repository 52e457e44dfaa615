"""The ledger of declared digests: how often each outcome was met, by section; with its encodings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import repeat

import attrs

from pithstore.codec import Reader, read_name, read_number, write_name, write_number
from pithstore.declared.declarations import DRIFTS, VERDICTS, Declaration, Drift, Outcome, drift_since
from pithstore.errors import Damaged
from pithstore.model import Manifest
from pithstore.profile import Verdict

_MARK_BYTES = 16
_VERDICT = {verdict: place for place, verdict in enumerate(VERDICTS)}
_VERDICT_BYTE = {verdict: bytes((place,)) for verdict, place in _VERDICT.items()}
_DRIFT = {drift: place for place, drift in enumerate(DRIFTS)}
_CODE: dict[tuple[Verdict, Drift | None], int] = {
    (verdict, drift): (0 if drift is None else 1 + DRIFTS.index(drift)) << 4 | 1 + VERDICTS.index(verdict)
    for verdict in VERDICTS
    for drift in (None, *DRIFTS)
}


@attrs.frozen
class Tally:
    """How often each verdict and each drift was met; a section of a version counts once as one of the verdicts."""

    match: int = 0
    mismatch: int = 0
    unknown_rule: int = 0
    changed_though_declared_same: int = 0
    same_though_declared_changed: int = 0

    def plus(self, other: Tally) -> Tally:
        """The sum of both."""
        return Tally(*[one + more for one, more in zip(_counts(self), _counts(other), strict=True)])

    def times(self, count: int) -> Tally:
        """The sum of so many of this."""
        return Tally(*[one * count for one in _counts(self)])


Ledger = Mapping[str, Tally]
"""The tallies by section name."""


def tally(found: Iterable[Outcome]) -> dict[str, Tally]:
    """The ledger of these outcomes."""
    counts: dict[str, list[int]] = {}
    for outcome in found:
        row = counts.get(outcome.section)
        if row is None:
            row = counts[outcome.section] = [0] * (len(VERDICTS) + len(DRIFTS))
        row[_VERDICT[outcome.verdict]] += 1
        if outcome.drift is not None:
            row[len(VERDICTS) + _DRIFT[outcome.drift]] += 1
    return {name: Tally(*row) for name, row in counts.items()}


def tally_codes(counts: Mapping[int, int]) -> Tally:
    """The tally of encoded outcomes of one section, each so often."""
    row = [0] * (len(VERDICTS) + len(DRIFTS))
    for code, count in counts.items():
        row[(code & 0x0F) - 1] += count
        if code >> 4:
            row[len(VERDICTS) + (code >> 4) - 1] += count
    return Tally(*row)


def add(ledger: Ledger, other: Ledger) -> dict[str, Tally]:
    """The sum of two ledgers."""
    return {
        name: ledger.get(name, Tally()).plus(other.get(name, Tally())) for name in ledger.keys() | other.keys()
    }


def encode_ledger(ledger: Ledger) -> bytes:
    """Name and counts of each section, by name."""
    return b"".join(
        write_name(name) + b"".join(map(write_number, _counts(row))) for name, row in sorted(ledger.items())
    )


def _counts(row: Tally) -> tuple[int, ...]:
    return (
        row.match,
        row.mismatch,
        row.unknown_rule,
        row.changed_though_declared_same,
        row.same_though_declared_changed,
    )


def decode_ledger(data: bytes) -> dict[str, Tally]:
    """The ledger that `encode_ledger` wrote."""
    reader = Reader(data)
    ledger: dict[str, Tally] = {}
    while reader.at < len(data):
        name = reader.text()
        ledger[name] = Tally(*[reader.number() for _ in attrs.fields(Tally)])
    return ledger


def encode_outcomes(found: Iterable[Outcome], manifest: Manifest) -> bytes:
    """One byte for each section of the manifest up to the last that declares: 0 for one that declares nothing."""
    codes = {outcome.section: _CODE[outcome.verdict, outcome.drift] for outcome in found}
    return bytes([codes.get(section.name, 0) for section in manifest.sections]).rstrip(b"\x00")


def encode_since(before: Iterable[Declaration], after: Iterable[Declaration], manifest: Manifest) -> bytes:
    """The encoded outcomes of a version with these declarations, given those of the version before it by number.

    The same as `encode_outcomes` of `outcomes`, for the one who counts many.
    """
    return encode_changes(before, after, [section.name for section in manifest.sections])


def encode_changes(before: Iterable[Declaration], after: Iterable[Declaration], names: Iterable[str]) -> bytes:
    """The same of a version whose sections have these names, in order."""
    known = {declaration.section: declaration for declaration in before}
    codes: dict[str, int] = {}
    for new in after:
        old = known.get(new.section)
        codes[new.section] = _CODE[new.verdict, None if old is new else drift_since(old, new)]
    return bytes(map(codes.get, names, repeat(0))).rstrip(b"\x00")


def outcome_code(verdict: Verdict, drift: Drift | None) -> int:
    """The byte that stands for an outcome."""
    return _CODE[verdict, drift]


def decode_outcomes(data: bytes, names: Iterable[str]) -> tuple[Outcome, ...]:
    """The outcomes that `encode_outcomes` wrote; `names` are those of the sections of the manifest, in order."""
    listed = list(names)
    if len(data) > len(listed):
        raise Damaged("there are more outcomes than sections")
    return tuple(_outcome(name, code) for name, code in zip(listed, data, strict=False) if code)


def _outcome(name: str, code: int) -> Outcome:
    drift, verdict = code >> 4, (code & 0x0F) - 1
    if not 0 <= verdict < len(VERDICTS) or drift > len(DRIFTS):
        raise Damaged(f"an outcome of section {name!r} is not one")
    return Outcome(name, VERDICTS[verdict], DRIFTS[drift - 1] if drift else None)


def encode_declarations(declared: Iterable[Declaration]) -> bytes:
    """Name, verdict and marks of each."""
    parts: list[bytes] = []
    for each in declared:
        parts += (write_name(each.section), _VERDICT_BYTE[each.verdict], each.declared, each.content)
    return b"".join(parts)


def decode_declarations(data: bytes) -> tuple[Declaration, ...]:
    """The declarations that `encode_declarations` wrote."""
    found: list[Declaration] = []
    at, end = 0, len(data)
    try:
        while at < end:
            length, name_at = read_number(data, at)
            verdict_at = name_at + length
            declared_at = verdict_at + 1
            content_at = declared_at + _MARK_BYTES
            at = content_at + _MARK_BYTES
            verdict = VERDICTS[data[verdict_at]]
            name = read_name(data[name_at:verdict_at])
            found.append(Declaration(name, verdict, data[declared_at:content_at], data[content_at:at]))
    except IndexError:
        raise Damaged("an encoded verdict is not one, or is cut short") from None
    if at != end:
        raise Damaged("an encoded value is cut short")
    return tuple(found)
