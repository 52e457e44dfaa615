"""How a diff is printed: every stretch escaped, and coloured by its role on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypedDict

import click

from pithstore.cli.escape import for_terminal
from pithstore.cli.output import print_json

if TYPE_CHECKING:
    from pithstore.diff.changes import Change
    from pithstore.diff.section_diff import Compared
    from pithstore.pointer import Json
    from pithstore.rendering.styled import Line, Role


class _Style(TypedDict, total=False):
    fg: str
    bold: bool
    dim: bool


_STYLES: Mapping[Role, _Style] = {
    "heading": {"bold": True},
    "muted": {"dim": True},
    "added": {"fg": "green"},
    "removed": {"fg": "red"},
    "changed": {"fg": "yellow"},
    "moved": {"fg": "cyan"},
}


def print_diff(diff: Compared, *, headings: bool) -> None:
    """Print what leads from one version to another, nothing where nothing does; `headings` name the versions."""
    from pithstore.rendering.diff_text import diff_lines

    print_lines(diff_lines(diff, headings=headings))


def print_stat(diff: Compared, *, as_json: bool = False) -> None:
    """Print how many changes each section has; as JSON also for those that have none, a line each."""
    from pithstore.rendering.diff_stat import count_changes, stat_lines

    if not as_json:
        print_lines(stat_lines(diff))
        return
    for section in diff.sections:
        found = count_changes(section.changes)
        print_json(
            {
                "section": section.name,
                "status": section.status,
                "added": found.added,
                "removed": found.removed,
                "replaced": found.replaced,
                "moved": found.moved,
            }
        )


def change_json(change: Change) -> dict[str, Json]:
    """A change as it stands in JSON: "op", "path", "from", "old", "value"."""
    return {
        "op": change.op,
        "path": change.path,
        "from": change.source,
        "old": change.old,
        "value": change.value,
    }


def print_lines(lines: Iterable[Line]) -> None:
    """Print lines of styled text."""
    for line in lines:
        sign = f"{_styled(line.sign, line.role)} " if line.sign else ""
        text = "".join(_styled(span.text, span.role) for span in line.spans)
        click.echo(f"{'  ' * line.level}{sign}{text}")


def _styled(text: str, role: Role) -> str:
    shown, style = for_terminal(text), _STYLES.get(role)
    return click.style(shown, **style) if style else shown
