"""The ledger of declared digests: how often each outcome was met, by section; with its encodings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from pithstore.codec import Reader, write_bytes, write_number
from pithstore.declared.declarations import DRIFTS, VERDICTS, Declaration, Outcome
from pithstore.errors import Damaged
from pithstore.model import Manifest

_MARK_BYTES = 16


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
        return Tally(*map(sum, zip(attrs.astuple(self), attrs.astuple(other), strict=True)))


Ledger = Mapping[str, Tally]
"""The tallies by section name."""


def tally(found: Iterable[Outcome]) -> dict[str, Tally]:
    """The ledger of these outcomes."""
    counts: dict[str, list[int]] = {}
    for outcome in found:
        row = counts.setdefault(outcome.section, [0] * len(attrs.fields(Tally)))
        row[VERDICTS.index(outcome.verdict)] += 1
        if outcome.drift is not None:
            row[len(VERDICTS) + DRIFTS.index(outcome.drift)] += 1
    return {name: Tally(*row) for name, row in counts.items()}


def add(ledger: Ledger, other: Ledger) -> dict[str, Tally]:
    """The sum of two ledgers."""
    return {
        name: ledger.get(name, Tally()).plus(other.get(name, Tally())) for name in ledger.keys() | other.keys()
    }


def encode_ledger(ledger: Ledger) -> bytes:
    """Name and counts of each section, by name."""
    return b"".join(
        write_bytes(name.encode()) + b"".join(map(write_number, attrs.astuple(row)))
        for name, row in sorted(ledger.items())
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
    codes = {outcome.section: _code(outcome) for outcome in found}
    return bytes(codes.get(section.name, 0) for section in manifest.sections).rstrip(b"\x00")


def decode_outcomes(data: bytes, names: Iterable[str]) -> tuple[Outcome, ...]:
    """The outcomes that `encode_outcomes` wrote; `names` are those of the sections of the manifest, in order."""
    listed = list(names)
    if len(data) > len(listed):
        raise Damaged("there are more outcomes than sections")
    return tuple(_outcome(name, code) for name, code in zip(listed, data, strict=False) if code)


def _code(outcome: Outcome) -> int:
    drift = 0 if outcome.drift is None else 1 + DRIFTS.index(outcome.drift)
    return drift << 4 | 1 + VERDICTS.index(outcome.verdict)


def _outcome(name: str, code: int) -> Outcome:
    drift, verdict = code >> 4, (code & 0x0F) - 1
    if not 0 <= verdict < len(VERDICTS) or drift > len(DRIFTS):
        raise Damaged(f"an outcome of section {name!r} is not one")
    return Outcome(name, VERDICTS[verdict], DRIFTS[drift - 1] if drift else None)


def encode_declarations(declared: Iterable[Declaration]) -> bytes:
    """Name, verdict and marks of each."""
    return b"".join(
        write_bytes(each.section.encode()) + bytes([VERDICTS.index(each.verdict)]) + each.declared + each.content
        for each in declared
    )


def decode_declarations(data: bytes) -> tuple[Declaration, ...]:
    """The declarations that `encode_declarations` wrote."""
    reader = Reader(data)
    found: list[Declaration] = []
    while reader.at < len(data):
        name, verdict = reader.text(), reader.raw(1)[0]
        if verdict >= len(VERDICTS):
            raise Damaged("an encoded verdict is not one")
        declaration = Declaration(name, VERDICTS[verdict], reader.raw(_MARK_BYTES), reader.raw(_MARK_BYTES))
        found.append(declaration)
    return tuple(found)
