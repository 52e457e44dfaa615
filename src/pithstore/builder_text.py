"""A comparison of builders as text for people.  Pure; what a record says is legible in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pithstore.builder_words import (
    Fact,
    changed_inside,
    cut,
    diff_command,
    facts,
    note,
    percent,
    sampled,
    signs,
    values,
)
from pithstore.legible import legible
from pithstore.section_comparison import ComparedBuilders, SectionComparison

_BAR, _NAME, _POINTER, _VALUE = 24, 40, 60, 34
_EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")
_POINTERS = 8


def comparison_lines(compared: ComparedBuilders) -> Iterator[str]:
    """The comparison: the counts, a bar for each section, and where most of those changed that are in both."""
    yield f"{legible(compared.before)} → {legible(compared.after)}"
    yield ""
    yield from _fact_lines(facts(compared, legible))
    if not compared.pairs:
        yield ""
        yield "'pithstore diff SOURCE@builder=NAME SOURCE@builder=NAME' compares a source as each made it last"
        return
    yield ""
    yield from _bar_lines(compared.sections)
    for section in compared.sections:
        if changed_inside(section) and section.pointers:
            yield ""
            yield from _section_lines(section)


def _fact_lines(listed: Sequence[Fact]) -> Iterator[str]:
    width = max(len(f"{fact.count:,}") for fact in listed)
    for fact in listed:
        examples = f": {', '.join(map(str, fact.examples))}" if fact.examples else ""
        yield f"{fact.count:>{width},}  {fact.words}{examples}"


def _bar_lines(sections: Sequence[SectionComparison]) -> Iterator[str]:
    names = [cut(section.section, _NAME) for section in sections]
    wide = max(len("section"), *map(len, names))
    yield f"{'section':<{wide}}  {'pairs':>9}  {'changed':>9}  {'share':>8}"
    for name, section in zip(names, sections, strict=True):
        share = percent(section.changed, section.pairs)
        bar = "" if section.names_builder else _bar(section.share)
        numbers = f"{section.pairs:>9,}  {section.changed:>9,}  {share:>8}"
        yield f"{name:<{wide}}  {numbers}  {bar:<{_BAR}}  {note(section)}".rstrip()


def _bar(share: float) -> str:
    """A bar of that share of its full length; of at least an eighth of a character for more than nothing."""
    eighths = max(round(share * _BAR * 8), 1 if share else 0)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8]


def _section_lines(section: SectionComparison) -> Iterator[str]:
    yield f"{legible(section.section)}: where, in {sampled(section)}"
    shown = section.pointers[:_POINTERS]
    wide = max(len(cut(pointer.pointer, _POINTER)) for pointer in shown)
    for pointer in shown:
        where = cut(pointer.pointer, _POINTER)
        done = f"{pointer.count:>9,}  {signs(pointer):<2} {where:<{wide}}"
        yield f"{done}  {values(pointer, _VALUE)}".rstrip()
    if left := len(section.pointers) - len(shown):
        yield f"{'…':>9}  {left:,} more pointers"
    for example in section.examples[:1]:
        yield f"{'':>9}  {diff_command(example)}"
