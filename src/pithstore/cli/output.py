"""How a command prints: data on the standard output, talk on the standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import click

from pithstore.cli.escape import for_terminal, json_for_terminal
from pithstore.pointer import Json


def print_line(text: str) -> None:
    """Print one line of text."""
    click.echo(for_terminal(text))


def print_json(value: Json) -> None:
    """Print one JSON value on a line; ASCII, so that no terminal or log is touched by what a record says."""
    click.echo(json.dumps(value, separators=(",", ":"), allow_nan=False))


def print_canonical(data: bytes) -> None:
    """Write exactly these bytes; on a terminal with a line break, and harmless."""
    if sys.stdout.isatty():
        click.echo(json_for_terminal(data.decode()))
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)


def print_pretty(value: Json) -> None:
    """Print a JSON value over several lines."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    click.echo(json_for_terminal(text))


def print_table(rows: Iterable[tuple[str, ...]]) -> None:
    """Print rows in columns, two spaces apart."""
    listed = [tuple(for_terminal(cell) for cell in row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*listed, strict=True)]
    for row in listed:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def say(text: str) -> None:
    """Say one line to whoever is watching."""
    click.echo(for_terminal(text), err=True)


@contextmanager
def progress_bar(label: str, length: int) -> Iterator[Callable[[int], None]]:
    """A function that moves a progress bar on by so many steps; it shows on a terminal only."""
    if not sys.stderr.isatty() or length == 0:
        yield lambda _: None
        return
    with click.progressbar(length=length, label=label, file=sys.stderr, show_pos=False) as bar:
        yield bar.update
