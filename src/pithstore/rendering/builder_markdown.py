"""A comparison of builders as Markdown, for the comment on a pull request.  Pure; all of a record is escaped."""

from __future__ import annotations

from collections.abc import Iterator

from pithstore.builders.section_comparison import ComparedBuilders, SectionComparison
from pithstore.rendering.builder_words import SIGNS, changed_inside, diff_command, facts, note, percent, places
from pithstore.rendering.markup import code_span, escape_markdown, fence, markdown_table

_PLACES = 3
_COMMANDS = 10
_HEADS = ("section", "pairs", "changed", "share", "where, in how many of the pairs looked into")


def comparison_markdown(compared: ComparedBuilders) -> str:
    """The counts as a list, the sections as a table, and commands that show pairs."""
    return "\n\n".join(_blocks(compared)) + "\n"


def _blocks(compared: ComparedBuilders) -> Iterator[str]:
    yield f"### Builder {code_span(compared.before)} → {code_span(compared.after)}"
    listed = facts(compared, code_span)
    yield "\n".join(f"- **{fact.count:,}** {fact.words}" for fact in listed)
    if compared.sections:
        yield markdown_table(_HEADS, map(_row, compared.sections))
    commands = {diff_command(example): None for section in compared.sections for example in section.examples[:1]}
    if commands:
        yield fence("\n".join(list(commands)[:_COMMANDS]), "text")


def _row(section: SectionComparison) -> tuple[str, ...]:
    share = percent(section.changed, section.pairs)
    where = note(section)
    if not section.names_builder and changed_inside(section):
        where = ", ".join(filter(None, (where, _places(section))))
    return (escape_markdown(section.section), f"{section.pairs:,}", f"{section.changed:,}", share, where)


def _places(section: SectionComparison) -> str:
    listed = places(section)
    shown = [f"{code_span(f'{SIGNS[done.op]} {pointer}')} {done.count:,}" for pointer, done in listed[:_PLACES]]
    more = f", and {len(listed) - _PLACES:,} more" if len(listed) > _PLACES else ""
    return f"{', '.join(shown)} of {section.sampled:,}{more}" if shown else ""
