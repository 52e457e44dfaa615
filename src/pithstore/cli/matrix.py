"""`pithstore matrix`: the sections of a source against its versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pithstore.cli import options
from pithstore.cli.escape import for_terminal
from pithstore.cli.output import print_json, print_line
from pithstore.times import write_time

if TYPE_CHECKING:
    from pithstore.history.matrix import Matrix

_NAME_WIDTH = 40
_LEAST_MARKS = 10
_COLORS = {"+": "green", "~": "yellow", "<": "cyan", "-": "red", "!": "bright_red"}


@click.command("matrix", short_help="Show which sections changed in which versions.")
@options.shared_options
@options.horizon_options
@options.builder_option
@click.argument("source")
def command(source: str) -> None:
    """Show the sections of SOURCE against its versions, one mark each.

    + new, ~ changed, . the same, < back to an earlier state, - gone, ! damaged; a blank where there is none.
    Many versions are shown in blocks, each under the number of its first version.

    JSON, one object: "source", "versions" (objects "number", "builder_version", "snapshot", "observed_at") and
    "sections" (section name to a text of marks, one for each version).
    """
    with options.open_reader() as store:
        matrix = store.matrix(source)
    if options.wants_json():
        _print_json(matrix)
    else:
        _print_blocks(matrix)


def _print_json(matrix: Matrix) -> None:
    print_json(
        {
            "source": str(matrix.source),
            "versions": [
                {
                    "number": version.number,
                    "builder_version": version.builder_version,
                    "snapshot": str(version.snapshot),
                    "observed_at": write_time(version.observed_at),
                }
                for version in matrix.versions
            ],
            "sections": dict(matrix.rows),
        }
    )


def _print_blocks(matrix: Matrix) -> None:
    names = [_shortened(for_terminal(name)) for name in matrix.rows]
    width = max(map(len, names), default=0)
    step = max(_LEAST_MARKS, _terminal_width() - width - 2)
    for start in range(0, len(matrix.versions), step):
        if start:
            click.echo()
        print_line(f"{'':<{width}}  @{matrix.versions[start].number}")
        for name, row in zip(names, matrix.rows.values(), strict=True):
            click.echo(f"{name:<{width}}  {_colored(row[start : start + step])}".rstrip())


def _shortened(name: str) -> str:
    return name if len(name) <= _NAME_WIDTH else f"{name[: _NAME_WIDTH - 1]}…"


def _colored(marks: str) -> str:
    return "".join(click.style(mark, fg=_COLORS[mark]) if mark in _COLORS else mark for mark in marks)


def _terminal_width() -> int:
    import shutil

    return shutil.get_terminal_size((100, 24)).columns
