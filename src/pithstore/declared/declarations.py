"""What sections declare of themselves, and how that fits with what they are and were.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import attrs

from pithstore.canonical import canonical, decode
from pithstore.digest import Digest
from pithstore.pointer import Json
from pithstore.profile import DECLARED, PITH, Profile, Verdict, check_declared

Drift: TypeAlias = Literal["changed though declared the same", "same though declared changed"]
"""Where a section and what it declares did not go the same way since the version before."""

VERDICTS: tuple[Verdict, ...] = ("match", "mismatch", "unknown rule")
DRIFTS: tuple[Drift, ...] = ("changed though declared the same", "same though declared changed")

_NAME = canonical(DECLARED) + b":"
_MARK_BYTES = 16


@attrs.frozen
class Declaration:
    """What one section declares: whether it is so, and marks of the declared digest and of all the rest of it.

    A mark is the first 16 bytes of a SHA-256: to tell changes by, not to find content.
    """

    section: str
    verdict: Verdict
    declared: bytes
    content: bytes


@attrs.frozen
class Outcome:
    """What became of one declaration: its verdict, and the drift since the version before, None where none is."""

    section: str
    verdict: Verdict
    drift: Drift | None = None


def declarations(
    record: dict[str, Json], bodies: Mapping[str, bytes], profile: Profile = PITH
) -> tuple[Declaration, ...]:
    """What the sections of a record declare, by name in order; `bodies` are their canonical bytes."""
    return tuple(
        _declaration(name, verdict, record[name], bodies[name])
        for name, verdict in check_declared(record, profile).items()
    )


def declaring_sections(bodies: Mapping[str, bytes]) -> dict[str, Json]:
    """Those sections that may declare something, read from their canonical bytes: the others are not parsed."""
    return {name: decode(body) for name, body in bodies.items() if DECLARED.encode() in body}


def _declaration(name: str, verdict: Verdict, section: Json, body: bytes) -> Declaration:
    members = section if isinstance(section, dict) else {}
    declared = canonical(members[DECLARED])
    member = _NAME + declared
    at = body.find(member) if body.count(member) == 1 else _place(members)
    rest = body[:at] + body[at + len(member) :]
    return Declaration(name, verdict, _mark(declared), _mark(rest))


def _place(members: Mapping[str, Json]) -> int:
    """Where the member that declares starts in the canonical bytes: the same may stand deeper inside too."""
    before = {name: value for name, value in members.items() if name < DECLARED}
    return len(canonical(before)) if before else len(b"{")


def _mark(data: bytes) -> bytes:
    return Digest.of(data)[:_MARK_BYTES]


def outcomes(before: tuple[Declaration, ...], after: tuple[Declaration, ...]) -> tuple[Outcome, ...]:
    """What became of the declarations of a version, given those of the version before it by number."""
    known = {declaration.section: declaration for declaration in before}
    return tuple(Outcome(new.section, new.verdict, _drift(known.get(new.section), new)) for new in after)


def _drift(old: Declaration | None, new: Declaration) -> Drift | None:
    if old is None:
        return None
    declared_same, content_same = old.declared == new.declared, old.content == new.content
    if declared_same and not content_same:
        return "changed though declared the same"
    if content_same and not declared_same:
        return "same though declared changed"
    return None
