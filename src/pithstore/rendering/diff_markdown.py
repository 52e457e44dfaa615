"""A diff as Markdown, for a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from pithstore.diff.section_diff import Compared, SectionDiff
from pithstore.model import Version
from pithstore.rendering.diff_stat import count_changes, summary
from pithstore.rendering.diff_text import counted, diff_lines
from pithstore.rendering.legible import legible
from pithstore.rendering.markup import code_span, escape_markdown, fence, markdown_table
from pithstore.rendering.styled import Line, shortened

_ROOM = 50_000  # characters of all lines, where GitHub takes 65,536 in all
_CHARACTERS = 300  # of a line
_OPEN = 30  # lines; more are folded away
_SECTIONS = 40
_NAME = 80  # characters of a name


def diff_markdown(diff: Compared) -> str:
    """A heading, a table of the sections that differ, and the lines of the diff; at most 65,000 characters.

    What a record says makes no link, mention or element.  A last sentence says how much is left out.
    """
    parts = [f"### Changes from {_named(diff.before)} to {_named(diff.after)}"]
    differing = [section for section in diff.sections if section.status != "same"]
    if differing:
        parts.append(_table(differing))
    if len(differing) > _SECTIONS:
        parts.append(f"… and {counted(len(differing) - _SECTIONS, 'more section')}.")
    parts.append(f"{summary(diff).capitalize()}.")
    if differing:
        parts += _block(list(diff_lines(diff)))
    return "\n\n".join(parts) + "\n"


def _named(version: Version) -> str:
    return f"{code_span(_cut(str(version.source)))} @{version.number}"


def _table(sections: list[SectionDiff]) -> str:
    return markdown_table(("section", "status", "changes"), map(_row, sections[:_SECTIONS]))


def _row(section: SectionDiff) -> tuple[str, str, str]:
    return escape_markdown(_cut(section.name)), section.status, code_span(str(count_changes(section.changes)))


def _cut(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[:_NAME]}…"


def _block(lines: list[Line]) -> Iterator[str]:
    """The lines that there is room for as a block of code, folded away where they are many; what is left out."""
    shown = list(_fitting(lines))
    block = fence("\n".join(shown), "diff")
    if len(shown) > _OPEN:
        block = f"<details><summary>Show {len(shown):,} lines</summary>\n\n{block}\n\n</details>"
    yield block
    if left := len(lines) - len(shown):
        yield f"Left out: {left:,} of {counted(len(lines), 'line')}; `pithstore diff` shows all of them."


def _fitting(lines: list[Line]) -> Iterator[str]:
    room = _ROOM
    for line in lines:
        text = _diff_line(shortened(line, _CHARACTERS))
        room -= len(text) + 1
        if room < 0:
            return
        yield text


def _diff_line(line: Line) -> str:
    """The line as a diff has it: its sign in the first column, ! where something changed, @@ at a section."""
    text = legible(line.text)
    if not line.sign and not line.level:
        return text  # the headings have their signs
    if line.sign == "~":
        return f"!{'  ' * line.level} {text}" if line.level else f"@@ {text} @@"
    return f"{line.sign or ' '}{'  ' * line.level} {text}"
