"""What a comparison of builders says, in words: the same in text, Markdown and HTML.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from shlex import quote

import attrs

from pithstore.builders.section_comparison import (
    ComparedBuilders,
    Done,
    MadeAlone,
    OperationCount,
    PairExample,
    SectionComparison,
)
from pithstore.references import Ref
from pithstore.rendering.legible import legible


@attrs.frozen
class Fact:
    """A number, the words that follow it, and versions that show it."""

    count: int
    words: str
    examples: tuple[Ref, ...] = ()


def facts(compared: ComparedBuilders, show: Callable[[str], str]) -> list[Fact]:
    """What was compared, and what could not be; `show` writes a builder's name for where the words go."""
    before, after = show(compared.before), show(compared.after)
    return [
        *_both(compared),
        _alone(compared.only_before, before, after),
        _alone(compared.only_after, after, before),
    ]


def _both(compared: ComparedBuilders) -> Iterator[Fact]:
    if compared.pairs:
        yield Fact(compared.pairs, "source versions made by both, and compared")
        share = percent(compared.same, compared.pairs)
        yield Fact(compared.same, f"of them the same but for the builder's name ({share})")
    else:
        yield Fact(0, "source versions made by both: there is nothing to compare")
        yield Fact(compared.shared_sources, "sources made by both, each in other source versions")


def _alone(alone: MadeAlone, builder: str, other: str) -> Fact:
    sources = f" ({alone.sources:,} sources have nothing by {other})" if alone.sources else ""
    return Fact(alone.source_versions, f"source versions made by {builder} alone{sources}", alone.examples)


def percent(part: int, whole: int) -> str:
    """A share to one digit; `0.0 %` for none alone, and `100.0 %` for all."""
    if part in (0, whole):
        return "100.0 %" if part else "0.0 %"
    share = 100 * part / whole
    return "< 0.1 %" if share < 0.05 else "> 99.9 %" if share >= 99.95 else f"{share:.1f} %"


def note(section: SectionComparison) -> str:
    """What there is to say of a section beside its numbers."""
    if section.names_builder:
        return "names the builder"
    came = [(section.added, "added"), (section.removed, "removed")]
    words = [f"{word} in {'all' if count == section.pairs else f'{count:,}'}" for count, word in came if count]
    return ", ".join(words)


def changed_inside(section: SectionComparison) -> int:
    """In how many pairs the section is in both and differs."""
    return section.changed - section.added - section.removed


def sampled(section: SectionComparison) -> str:
    """How many of the pairs the pointers were counted in."""
    if section.changed == 1:
        return "the one pair that differs"
    if section.sampled == section.changed:
        return f"all {section.changed:,} pairs that differ"
    return f"{section.sampled:,} of the {section.changed:,} pairs that differ"


SIGNS: Mapping[Done, str] = {"replace": "~", "add": "+", "remove": "-", "move": ">"}
"""How each operation is written before a place."""


def places(section: SectionComparison) -> list[tuple[str, OperationCount]]:
    """The pointers of a section, each with one thing that was done there."""
    return [(pointer.pointer, done) for pointer in section.pointers for done in pointer.operations]


def values(done: OperationCount, most: int) -> str:
    """What stood and stands there in one of the pairs, each in at most so many characters."""
    shown = (done.new,) if done.op == "move" else (done.old, done.new)
    return " → ".join(cut(value, most) for value in shown if value is not None)


def cut(text: str, most: int) -> str:
    """The text made legible, in at most so many characters."""
    shown = legible(text)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def diff_command(example: PairExample) -> str:
    """What to type to see how the two differ, as a shell takes it."""
    return f"pithstore diff {quote(str(example.before))} {quote(str(example.after))}"
