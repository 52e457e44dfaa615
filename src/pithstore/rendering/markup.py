"""Text from records on its way into HTML, Markdown and CSV: it says what it says there, and does nothing.

It makes no element, no link, no mention, no formula, and ends nothing that was begun; controls are written out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pithstore.rendering.legible import legible

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_BACKTICKS = re.compile("`+")

# Words that GitHub makes nothing of.  Escaped or not, it would make a mention of @name, a link of www.name, of a
# number behind # or GH- and of the hash of a commit, an image of :name: and a formula of what stands in $.
_TAME = re.compile(r"(?!.*(?:www\.|gh-\d|[0-9a-f]{7}))[\w,.()+=-]+(?: [\w,.()+=-]+)*", re.IGNORECASE)

# Also the full-width forms, which a spreadsheet reads as the others.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def escape_html(text: str) -> str:
    """The text as it stands between two tags, or in an attribute between quotes."""
    return legible(text).translate(_ENTITIES)


def escape_markdown(text: str) -> str:
    """The text as it stands in a line of Markdown: plain words as words, all else as code."""
    shown = legible(text)
    return _PUNCTUATION.sub(r"\\\g<0>", shown) if _TAME.fullmatch(shown) else code_span(shown)


def code_span(text: str) -> str:
    """The text as code in a line of Markdown; in a cell, `markdown_table` takes care of its `|`."""
    shown = legible(text)
    ticks = "`" * (_longest_run(shown) + 1)
    if shown.strip(" ") and (shown[0] + shown[-1] == "  " or "`" in (shown[0], shown[-1])):
        shown = f" {shown} "  # one space at each side is taken off again
    return f"{ticks}{shown or ' '}{ticks}"


def fence(text: str, language: str = "") -> str:
    """The lines of the text as a block of code in Markdown, which nothing in them ends."""
    lines = [legible(line) for line in text.split("\n")]
    ticks = "`" * max(3, _longest_run(text) + 1)
    return "\n".join((f"{ticks}{language}", *lines, ticks))


def _longest_run(text: str) -> int:
    return max(map(len, _BACKTICKS.findall(text)), default=0)


def markdown_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already, each in one line."""
    lines = [_row(headers), "|" + " --- |" * len(headers)]
    return "\n".join(lines + [_row(row) for row in rows])


def _row(cells: Sequence[str]) -> str:
    # A \| is taken for | before anything else in a cell is read, code too.
    return "".join(f"| {cell.replace('|', chr(92) + '|')} " for cell in cells) + "|"


def csv_cell(text: str) -> str:
    """The text as a cell of a CSV file, still to be quoted; what a spreadsheet would compute gets a ' in front."""
    return ("'" if text.startswith(_FORMULA) else "") + legible(text)


def html_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of plain texts, all escaped."""
    head = "".join(f"<th>{escape_html(header)}</th>" for header in headers)
    body = "".join(f"<tr>{''.join(f'<td>{escape_html(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
