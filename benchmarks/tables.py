"""A table, as text for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

NOTHING = "·"


class Table(NamedTuple):
    """Cells of text: columns of words, of which the first says what a row is, and then columns of numbers."""

    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    words: int = 1

    def text(self) -> str:
        """Lines of columns as wide as they need."""
        lines = [self.head, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join("  ".join(map(self._padded, range(len(line)), line, widths)).rstrip() for line in lines)

    def _padded(self, place: int, cell: str, width: int) -> str:
        return cell.ljust(width) if place < self.words else cell.rjust(width)

    def markdown(self) -> str:
        """A table of Markdown, numbers to the right."""
        edges = ["---" if place < self.words else "---:" for place in range(len(self.head))]
        lines = [self.head, edges, *self.rows]
        return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def number(row: Mapping[str, float], name: str, digits: int = 0) -> str:
    """What a row says under that name; a dot where it says nothing."""
    return f"{row[name]:,.{digits}f}" if name in row else NOTHING
