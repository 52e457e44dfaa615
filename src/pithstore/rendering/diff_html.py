"""A diff as a fragment of HTML that brings its own style, for notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from pithstore.diff.section_diff import Compared
from pithstore.rendering.diff_text import diff_lines
from pithstore.rendering.markup import escape_html
from pithstore.rendering.styled import Line, Role, line, shortened

_LINES = 500
_CHARACTERS = 2000  # of a line

_FRAME = (
    "font-family:ui-monospace,monospace;font-size:12px;line-height:1.5;white-space:pre-wrap;overflow-wrap:anywhere"
)
# Half transparent, so that they suit a light page and a dark one.
_STYLES: Mapping[Role, str] = {
    "heading": "font-weight:600",
    "muted": "opacity:.6",
    "added": "background:rgba(46,160,67,.2)",
    "removed": "background:rgba(248,81,73,.2)",
    "changed": "color:#b08800",
    "moved": "color:#1b7c83",
}


def diff_html(diff: Compared) -> str:
    """The lines of the diff, the first 500 of them; all that a record says is escaped."""
    lines = diff_lines(diff)
    shown = "".join(_line(each) for each in islice(lines, _LINES))
    if left := sum(1 for _ in lines):
        shown += _line(line(0, "", f"… {left:,} more lines", "muted"))
    return f'<div style="{_FRAME}">{shown or _line(line(0, "", "nothing differs", "muted"))}</div>'


def _line(whole: Line) -> str:
    cut = shortened(whole, _CHARACTERS)
    sign = f"{_span(cut.sign, cut.role)} " if cut.sign else ""
    text = "".join(_span(span.text, span.role) for span in cut.spans)
    return f"<div>{'  ' * cut.level}{sign}{text}</div>"


def _span(text: str, role: Role) -> str:
    style = _STYLES.get(role)
    shown = escape_html(text)
    return f'<span style="{style}">{shown}</span>' if style else shown
