"""A JSON value in few lines for people: whole where it is small, else its structure, with how much is left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice

from pithstore.pointer import Json

WIDTH = 96  # characters of a line
_LINES = 16
_LONGEST = 400  # characters of a text that stands alone
_SHORT = 40  # characters of a text among others

_encoder = json.JSONEncoder(sort_keys=True, ensure_ascii=False)


def whole(value: Json, width: int) -> str | None:
    """The value as JSON; None where it is longer than that, which is told without writing all of it."""
    if isinstance(value, str) and len(value) > width:
        return None
    text = ""
    for piece in _encoder.iterencode(value):
        text += piece
        if len(text) > width:
            return None
    return text


def outline(value: Json) -> list[str]:
    """The value as JSON in at most 16 lines; `… 12 more members` where members are left out."""
    if isinstance(value, dict | list):
        return _structure(value, WIDTH, _LINES)
    return [_scalar(value, _LONGEST)]


def brief(value: Json, width: int = WIDTH) -> str:
    """The value in one line of about that width, whole where it fits, else its beginning."""
    text = whole(value, width)
    if text is not None:
        return text
    return _beginning(value, width) if isinstance(value, dict | list) else _scalar(value, width)


def _structure(value: Json, width: int, lines: int) -> list[str]:
    text = whole(value, width)
    if text is not None:
        return [text]
    if not isinstance(value, dict | list) or lines < 4:
        return [brief(value, width)]
    opening, closing = _brackets(value)
    return [opening, *(f"  {line}" for line in _children(value, width - 2, lines - 2)), closing]


def _children(value: dict[str, Json] | list[Json], width: int, lines: int) -> Iterator[str]:
    """The members or elements, each in a line, the first ones in more while there are lines to spare."""
    shown = len(value) if len(value) <= lines else lines - 1
    spare = lines - shown - (len(value) > shown)
    for position, (label, child) in enumerate(islice(_items(value), shown), 1):
        room = max(width - len(label), _SHORT)
        first, *others = _structure(child, room, 1 + spare)
        spare -= len(others)
        written = [label + first, *others]
        yield from written[:-1]
        yield written[-1] + ("," if position < len(value) else "")
    if len(value) > shown:
        yield f"… {_count(value, len(value) - shown, 'more ')}"


def _beginning(value: dict[str, Json] | list[Json], width: int) -> str:
    opening, closing = _brackets(value)
    parts: list[str] = []
    used = 0
    for position, (label, child) in enumerate(_items(value)):
        text = label + _part(child)
        used += len(text) + 2
        if used > width and parts:
            parts.append(f"… {len(value) - position:,} more")
            break
        parts.append(text)
    return opening + ", ".join(parts) + closing


def _part(value: Json) -> str:
    """A value among others: whole where it is short, else what kind of thing it is."""
    text = whole(value, _SHORT)
    if text is not None:
        return text
    if isinstance(value, dict | list):
        opening, closing = _brackets(value)
        return f"{opening}… {_count(value, len(value))}{closing}"
    return _scalar(value, _SHORT)


def _items(value: dict[str, Json] | list[Json]) -> Iterator[tuple[str, Json]]:
    """What stands in front of each member or element, and the member or element."""
    if isinstance(value, list):
        yield from (("", item) for item in value)
    else:
        yield from ((f"{_scalar(name, _SHORT)}: ", value[name]) for name in sorted(value))


def _brackets(value: dict[str, Json] | list[Json]) -> tuple[str, str]:
    return ("{", "}") if isinstance(value, dict) else ("[", "]")


def _count(value: dict[str, Json] | list[Json], count: int, more: str = "") -> str:
    noun = "member" if isinstance(value, dict) else "element"
    return f"{count:,} {more}{noun}{'' if count == 1 else 's'}"


def _scalar(value: Json, width: int) -> str:
    if isinstance(value, str):
        cut = _encoder.encode(value[:width])
        return cut if len(value) <= width else f'{cut[:-1]}…" ({len(value) - width:,} more characters)'
    text = _encoder.encode(value)
    return text if len(text) <= width else f"{text[:width]}… ({len(text) - width:,} more characters)"
