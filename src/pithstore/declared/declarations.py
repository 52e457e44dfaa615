"""What sections declare of themselves, and how that fits with what they are and were.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Literal, TypeAlias

import attrs

from pithstore.canonical import canonical, decode, start_of
from pithstore.digest import Digest
from pithstore.pointer import Json
from pithstore.profile import DECLARED, PITH, Profile, Verdict, verdict_of

Drift: TypeAlias = Literal["changed though declared the same", "same though declared changed"]
"""Where a section and what it declares did not go the same way since the version before."""

VERDICTS: tuple[Verdict, ...] = ("match", "mismatch", "unknown rule")
DRIFTS: tuple[Drift, ...] = ("changed though declared the same", "same though declared changed")

_START = start_of(DECLARED)
MARK_BYTES = 16
_HEX_DIGITS = 64
_DIGEST_MEMBER_BYTES = len(_START) + len('""') + _HEX_DIGITS


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
    if profile.declared == "none":
        return ()
    told = (digest_and_declaration(name, section, bodies[name])[1] for name, section in sorted(record.items()))
    return tuple(declaration for declaration in told if declaration is not None)


def declaring_sections(bodies: Mapping[str, bytes]) -> dict[str, Json]:
    """Those sections that may declare something, read from their canonical bytes: the others are not parsed."""
    return {name: decode(body) for name, body in bodies.items() if DECLARED.encode() in body}


def place_of_declaration(
    section: dict[str, Json], body: bytes, write: Callable[[Json], bytes] = canonical
) -> tuple[int, int]:
    """From where to where the member that declares stands in the canonical bytes of a section that has one."""
    end = len(body) - _bytes_behind(section, write)
    return end - len(_START) - len(write(section[DECLARED])), end


def digest_and_declaration(
    name: str, section: Json, body: bytes, write: Callable[[Json], bytes] = canonical
) -> tuple[Digest, Declaration | None]:
    """The digest of a section and what it declares by the rules of `pith`: most of the bytes are hashed for both.

    `body` are its canonical bytes, and `write` gives those of the values in it.
    """
    if not isinstance(section, dict) or section.get(DECLARED) is None:
        return Digest.of(body), None
    start, end = _usual_place(section, body) or place_of_declaration(section, body, write)
    digest, rest = Digest.with_and_without(body, start, end)
    marks = sha256(body[start + len(_START) : end]).digest()[:MARK_BYTES], rest[:MARK_BYTES]
    return digest, Declaration(name, verdict_of(name, section, write), *marks)


def _usual_place(section: dict[str, Json], body: bytes) -> tuple[int, int] | None:
    """The answer of `place_of_declaration` where a digest in hexadecimal is the last member; None elsewhere.

    What the last bracket closes is the section, and a quote behind a bracket or comma begins the name of a member,
    as inside a string it would have a backslash before it.
    """
    declared, start = section[DECLARED], len(body) - _DIGEST_MEMBER_BYTES - 1
    if not isinstance(declared, str) or len(declared) != _HEX_DIGITS or start < 1 or body[start - 1] not in b"{,":
        return None
    return (start, len(body) - 1) if body.endswith(b'%b"%b"}' % (_START, declared.encode())) else None


def _bytes_behind(section: dict[str, Json], write: Callable[[Json], bytes]) -> int:
    """How many bytes stand behind the member that declares: what it says may stand deeper inside too."""
    behind = {name: value for name, value in section.items() if name > DECLARED}
    return len(write(behind)) if behind else len(b"}")


def outcomes(before: tuple[Declaration, ...], after: tuple[Declaration, ...]) -> tuple[Outcome, ...]:
    """What became of the declarations of a version, given those of the version before it by number."""
    known = {declaration.section: declaration for declaration in before}
    return tuple(Outcome(new.section, new.verdict, drift_since(known.get(new.section), new)) for new in after)


def drift_since(old: Declaration | None, new: Declaration) -> Drift | None:
    """Where a section and what it declares did not go the same way since the version before."""
    return None if old is None else drift_of(old.declared == new.declared, old.content == new.content)


def drift_of(declared_same: bool, content_same: bool) -> Drift | None:
    """The drift where what is declared, and all the rest of a section, is the same or not."""
    if declared_same and not content_same:
        return "changed though declared the same"
    if content_same and not declared_same:
        return "same though declared changed"
    return None
