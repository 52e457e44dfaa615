"""A comparison of builders as text for people.  Pure; what a record says is legible in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pithstore.builders.section_comparison import ComparedBuilders, SectionComparison
from pithstore.quoting import quote_name
from pithstore.rendering.builder_words import (
    SIGNS,
    Fact,
    changed_inside,
    cut,
    diff_command,
    facts,
    note,
    percent,
    places,
    sampled,
    values,
)
from pithstore.rendering.legible import legible

_BAR, _NAME, _POINTER, _VALUE = 24, 40, 60, 34
_EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")
_PLACES = 8


def comparison_lines(compared: ComparedBuilders) -> Iterator[str]:
    """The comparison: the counts, a bar for each section, and where most of those changed that are in both."""
    yield f"{legible(compared.before)} → {legible(compared.after)}"
    yield ""
    yield from _fact_lines(facts(compared, legible))
    if not compared.pairs:
        yield ""
        before, after = (f"SOURCE@builder={quote_name(name)}" for name in (compared.before, compared.after))
        yield f"'pithstore diff {before} {after}' compares a source as each made it last"
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
    listed = places(section)
    shown = [(cut(pointer, _POINTER), done) for pointer, done in listed[:_PLACES]]
    wide = max(len(pointer) for pointer, _ in shown)
    for pointer, done in shown:
        place = f"{done.count:>9,}  {SIGNS[done.op]} {pointer:<{wide}}"
        yield f"{place}  {values(done, _VALUE)}".rstrip()
    if left := len(listed) - len(shown):
        yield f"{'…':>9}  {left:,} more"
    for example in section.examples[:1]:
        yield f"{'':>9}  {diff_command(example)}"
