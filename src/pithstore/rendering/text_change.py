"""A long text and the one that replaced it, in one line: the words that went and came, what is the same folded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from pithstore.diff.words import Piece, word_diff
from pithstore.pointer import Json
from pithstore.rendering.styled import Span

_LONG = 60  # characters: shorter texts are compared at a glance, one under the other
_ALIKE = 0.3  # of the longer text: what share less is easier to read one under the other
_LATE = 200  # characters: where the first change comes later, the beginnings of two lines would not show it
_KEPT = 36  # characters of what is the same, beside a change
_LONGEST = 400  # characters of what went or came at one place
_PIECES = 48  # that went or came


def text_change(old: Json, new: Json) -> tuple[Span, ...] | None:
    """The line for two texts; None for other values, and where two lines tell more."""
    if not isinstance(old, str) or not isinstance(new, str):
        return None
    longer = max(len(old), len(new))
    if longer <= _LONG:
        return None
    pieces = word_diff(old, new)
    same = sum(len(piece.text) for piece in pieces if piece.kind == "same")
    if same < _ALIKE * longer and not (pieces[0].kind == "same" and len(pieces[0].text) > _LATE):
        return None
    return (Span('"'), *_spans(pieces), Span('"'))


def _spans(pieces: Sequence[Piece]) -> Iterator[Span]:
    changed = 0
    for position, piece in enumerate(pieces):
        changed += piece.kind != "same"
        if changed > _PIECES:
            left = sum(1 for other in pieces[position:] if other.kind != "same")
            yield Span(f"… {left:,} more", "muted")
            return
        match piece.kind:
            case "same":
                yield Span(_folded(piece.text, first=position == 0, last=position == len(pieces) - 1))
            case "removed":
                yield Span(f"[-{_cut(piece.text)}-]", "removed")
            case _:  # added
                yield Span(f"{{+{_cut(piece.text)}+}}", "added")


def _folded(text: str, *, first: bool, last: bool) -> str:
    """What is the same, of which only the ends beside changes are kept."""
    if len(text) <= (2 - first - last) * _KEPT + _KEPT // 2:
        return _written(text)
    head, tail = "" if first else _head(text), "" if last else _tail(text)
    return f"{_written(head)}…{_written(tail)}"


def _head(text: str) -> str:
    """The beginning, up to the end of a word if one ends near there."""
    end = text.rfind(" ", _KEPT // 2, _KEPT)
    return text[: _KEPT if end < 0 else end + 1]


def _tail(text: str) -> str:
    return _head(text[::-1])[::-1]


def _cut(text: str) -> str:
    if len(text) <= _LONGEST:
        return _written(text)
    return f"{_written(text[:_LONGEST])}… {len(text) - _LONGEST:,} more characters"


def _written(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]
