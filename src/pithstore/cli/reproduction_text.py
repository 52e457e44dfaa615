"""A reproduction in words, for a terminal and for a test report; whoever prints the words escapes them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pithstore.diff.values import Change
    from pithstore.pointer import Json
    from pithstore.reproduction.verdict import Reproduction

_CHANGES, _NAMES = 20, 10
_CHARACTERS = 160
_SIGNS = {"add": "+", "remove": "-", "replace": "~", "move": ">"}
_VERDICTS = ("identical", "differs", "nondeterministic", "failed")


def headline(reproduction: Reproduction) -> str:
    """The verdict in one line, with where it lies, who built and what was ignored."""
    notes = [_verdict(reproduction)]
    stored_by, rebuilt_by = reproduction.version.builder_version, reproduction.rebuilt_by
    if rebuilt_by is not None and rebuilt_by != stored_by:
        notes.append(f"made by {stored_by}, now by {rebuilt_by}")
    if reproduction.ignored:
        notes.append(f"ignored {listed(reproduction.ignored)}")
    return "; ".join(notes)


def _verdict(reproduction: Reproduction) -> str:
    if reproduction.failure is not None:
        return f"failed: {_short(reproduction.failure.why, 4 * _CHARACTERS)}"
    where = f" in {listed(reproduction.sections)}" if reproduction.sections else ""
    return f"{reproduction.verdict}{where}"


def listed(names: Sequence[str]) -> str:
    """The first of the names, and how many more there are."""
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return ", ".join(_short(name, _CHARACTERS) for name in names[:_NAMES]) + more


def details(reproduction: Reproduction) -> Iterator[str]:
    """What a verdict rests on, line by line: the first changes, or what a builder that failed said last."""
    if reproduction.failure is not None:
        yield from (f"| {line}" for line in reproduction.failure.log)
    changes = reproduction.changes or reproduction.observed
    for change in changes[:_CHANGES]:
        yield from _change(change)
    if len(changes) > _CHANGES:
        yield f"… and {len(changes) - _CHANGES} more changes"


def _change(change: Change) -> Iterator[str]:
    moved = "" if change.source is None else f"{_short(change.source, _CHARACTERS)} to "
    yield f"{_SIGNS[change.op]} {moved}{_short(change.path, _CHARACTERS)}"
    if change.op in ("remove", "replace"):
        yield f"    - {_value(change.old)}"
    if change.op in ("add", "replace"):
        yield f"    + {_value(change.value)}"


def _value(value: Json) -> str:
    return _short(json.dumps(value, sort_keys=True, ensure_ascii=False), _CHARACTERS)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"


def summary(counts: Mapping[str, int]) -> str:
    """How many versions came out how, in one line."""
    total = sum(counts.values())
    noun = "version" if total == 1 else "versions"
    return f"{total:,} {noun}: " + ", ".join(f"{counts.get(word, 0):,} {word}" for word in _VERDICTS)
