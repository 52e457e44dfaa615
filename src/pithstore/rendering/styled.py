"""Lines of text for people, in which each stretch has a role; how a role looks is for whoever prints them.

The text of a stretch may come from a record: it is escaped where it is printed.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import Literal, TypeAlias

import attrs

Role: TypeAlias = Literal["plain", "heading", "muted", "added", "removed", "changed", "moved"]
Sign: TypeAlias = Literal["+", "-", "~", ">", " ", ""]

ROLES: Mapping[Sign, Role] = {"+": "added", "-": "removed", "~": "changed", ">": "moved"}
"""The role of each sign that has one."""


@attrs.frozen
class Span:
    """A stretch of text within a line."""

    text: str
    role: Role = "plain"


@attrs.frozen
class Line:
    """A line: how many levels it stands in, the sign in front, and its text in stretches."""

    level: int
    sign: Sign
    spans: tuple[Span, ...]

    @property
    def text(self) -> str:
        """The text behind the sign, whatever the roles of its stretches."""
        return "".join(span.text for span in self.spans)

    @property
    def role(self) -> Role:
        """The role of the sign."""
        return ROLES.get(self.sign, "plain")


def line(level: int, sign: Sign, text: str, role: Role = "plain") -> Line:
    """A line of one stretch."""
    return Line(level, sign, (Span(text, role),))


def shortened(line: Line, most: int) -> Line:
    """The line with at most that many characters behind its sign, and `…` where there were more."""
    if len(line.text) <= most:
        return line
    starts = accumulate((len(span.text) for span in line.spans), initial=0)
    cut = [
        Span(span.text[: max(0, most - start)], span.role) for span, start in zip(line.spans, starts, strict=False)
    ]
    return Line(line.level, line.sign, (*(span for span in cut if span.text), Span("…", "muted")))
