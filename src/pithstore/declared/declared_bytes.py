"""What a section declares of itself, found in its canonical bytes.  Pure.

It says what `declarations` says, and reads and hashes nothing that it can do without: whoever goes through a whole
store compares bytes, and asks for marks only of the last version.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import NamedTuple

import msgspec

from pithstore.canonical import decode, start_of
from pithstore.declared.declarations import (
    MARK_BYTES,
    Declaration,
    Drift,
    drift_of,
    place_of_declaration,
)
from pithstore.digest import Digest
from pithstore.errors import Damaged
from pithstore.profile import DECLARED, RULED_WHERE_EMPTY, Verdict, verdict_of

_NAME, _START = DECLARED.encode(), start_of(DECLARED)
_LAST_MEMBER = re.compile(rb'"%b":"[0-9a-f]{64}"\}\Z' % _NAME)
_LAST_BYTES = len(_NAME) + len('"":""}') + 64
_EMPTY_BEFORE = re.compile(rb'\{(?:"(?:[^"\\]|\\.)*":(?:0|\[\]),)*\Z')

_SPLITTER = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Declaring(NamedTuple):
    """A section that declares a digest of itself: its verdict, and from where to where it does so in its bytes."""

    name: str
    verdict: Verdict
    body: bytes
    start: int
    end: int

    def drift_since(self, old: Declaring) -> Drift | None:
        """The drift since the version before, where the section was that."""
        body, other = self.body, old.body
        declared_same = body[self.start : self.end] == other[old.start : old.end]
        content_same = (
            len(body) - self.end + self.start == len(other) - old.end + old.start
            and body[: self.start] + body[self.end :] == other[: old.start] + other[old.end :]
        )
        return drift_of(declared_same, content_same)

    def declaration(self) -> Declaration:
        """The same, with marks."""
        body, declared = self.body, self.body[self.start + len(_START) : self.end]
        marks = Digest.of(declared)[:MARK_BYTES], Digest.of(body[: self.start], body[self.end :])[:MARK_BYTES]
        return Declaration(self.name, self.verdict, *marks)


def find_declaring(name: str, body: bytes) -> Declaring | None:
    """What the section of that name with these canonical bytes declares; None where it declares nothing."""
    return _ends_with_it(name, body) or (_read(name, body) if _NAME in body else None)


def _ends_with_it(name: str, body: bytes) -> Declaring | None:
    """The answer for an object whose last member declares a digest, and that is not empty; None for any other.

    No quote of the member is inside a string, as none has a backslash before it: so it is a member of what the
    last bracket closes.
    """
    start = len(body) - _LAST_BYTES
    if start < 1 or body[:1] != b"{" or not _LAST_MEMBER.match(body, start):
        return None
    if name in RULED_WHERE_EMPTY and _EMPTY_BEFORE.match(body, 0, start):
        return None
    verdict = _integrity(body) if name == "integrity" else "unknown rule"
    return verdict and Declaring(name, verdict, body, start, len(body) - 1)


def _integrity(body: bytes) -> Verdict | None:
    """The verdict of an integrity section whose last member declares a digest; None where it cannot be split."""
    try:
        members = _SPLITTER.decode(body)
    except (ValueError, RecursionError):
        return None
    detectors, findings = members.get("detectors_run"), members.get("findings")
    if detectors is None or findings is None:
        return "unknown rule"
    payload = b'{"payload":{"detectors":%b,"findings":%b}}' % (bytes(detectors), bytes(findings))
    return "match" if sha256(payload).hexdigest().encode() == body[-66:-2] else "mismatch"


def _read(name: str, body: bytes) -> Declaring | None:
    try:
        section = decode(body)
    except Damaged:  # no JSON: it declares nothing
        return None
    if not isinstance(section, dict) or section.get(DECLARED) is None:
        return None
    return Declaring(name, verdict_of(name, section), body, *place_of_declaration(section, body))
