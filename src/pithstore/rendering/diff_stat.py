"""A diff as numbers: how many changes of each kind there are in each section."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

import attrs

from pithstore.diff.changes import Change
from pithstore.diff.section_diff import Compared, SectionDiff
from pithstore.rendering.diff_text import counted, status_line
from pithstore.rendering.styled import ROLES, Line, Sign, Span, line

_BAR = 30  # blocks behind the section with the most changes
_NAME = 40  # characters of a name


@attrs.frozen
class Counts:
    """How many changes there are of each kind."""

    added: int
    removed: int
    replaced: int
    moved: int

    @property
    def by_sign(self) -> dict[Sign, int]:
        """The counts by the signs that the changes have in a diff."""
        return {"+": self.added, "-": self.removed, "~": self.replaced, ">": self.moved}

    @property
    def total(self) -> int:
        """How many they are together."""
        return self.added + self.removed + self.replaced + self.moved

    def __str__(self) -> str:
        return " ".join(f"{sign}{count:,}" for sign, count in self.by_sign.items() if count)


def count_changes(changes: Iterable[Change]) -> Counts:
    """How many of the changes there are of each kind."""
    found = Counter(change.op for change in changes)
    return Counts(found["add"], found["remove"], found["replace"], found["move"])


def summary(diff: Compared) -> str:
    """In words, how many changes of each kind there are in how many sections."""
    found = count_changes(change for section in diff.sections for change in section.changes)
    kinds = [f"{count:,} {name}" for name, count in attrs.asdict(found).items() if count]
    differing = sum(1 for section in diff.sections if section.status != "same")
    of = "" if differing == len(diff.sections) else f"{differing:,} of "
    where = f"{of}{counted(len(diff.sections), 'section')}"
    return f"{counted(found.total, 'change')} in {where}: {', '.join(kinds)}" if kinds else "nothing differs"


def stat_lines(diff: Compared) -> Iterator[Line]:
    """A line for each section that differs, and one for all; none where nothing differs."""
    differing = [section for section in diff.sections if section.status != "same"]
    if not differing:
        return
    found = [count_changes(section.changes) for section in differing]
    numbers = [_numbers(each) for each in found]
    widths: dict[Sign, int] = {sign: max(len(each[sign]) for each in numbers) for sign in numbers[0]}
    longest = max(each.total for each in found)
    width = max(len(_name(section)) for section in differing)
    for section, each, number in zip(differing, found, numbers, strict=True):
        head = status_line(_name(section).ljust(width), section.status)
        yield Line(0, head.sign, (*head.spans, *_columns(number, widths), *_bar(each, longest)))
    yield line(0, "", summary(diff))


def _name(section: SectionDiff) -> str:
    return section.name if len(section.name) <= _NAME else f"{section.name[: _NAME - 1]}…"


def _numbers(found: Counts) -> dict[Sign, str]:
    return {sign: f"{sign}{count}" if count else "" for sign, count in found.by_sign.items()}


def _columns(numbers: Mapping[Sign, str], widths: Mapping[Sign, int]) -> Iterator[Span]:
    """The counts, those of one kind in one column."""
    yield Span(" ")
    for sign, width in widths.items():
        if width:
            yield Span(f" {numbers[sign]:>{width}}", ROLES[sign])


def _bar(found: Counts, longest: int) -> Iterator[Span]:
    """As many blocks as changes, fewer where the most are more than 30, but at least one; each of one kind."""
    blocks = found.total if longest <= _BAR else max(1, found.total * _BAR // longest)
    ends = [-(-end * blocks // found.total) for end in accumulate(found.by_sign.values())]
    yield Span("  ")
    for sign, start, end in zip(found.by_sign, (0, *ends), ends, strict=False):
        if end > start:
            yield Span("▇" * (end - start), ROLES[sign])
