"""How a command prints: data on the standard output, talk on the standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import click

from pithstore.cli.escape import for_terminal, json_for_terminal

if TYPE_CHECKING:
    from pithstore.pointer import Json


def print_line(text: str) -> None:
    """Print one line of text."""
    click.echo(for_terminal(text))


def print_json(value: Json) -> None:
    """Print one JSON value on a line; ASCII, so that no terminal or log is touched by what a record says."""
    import json

    click.echo(json.dumps(value, separators=(",", ":"), allow_nan=False))


def print_canonical(data: bytes) -> None:
    """Write exactly these bytes; on a terminal with a line break, and harmless."""
    print_canonical_piece(data)
    if sys.stdout.isatty():
        click.echo()


def print_canonical_piece(data: bytes) -> None:
    """Write these bytes with nothing behind them; harmless on a terminal."""
    sys.stdout.flush()
    sys.stdout.buffer.write(json_for_terminal(data.decode()).encode() if sys.stdout.isatty() else data)


def print_pretty(value: Json) -> None:
    """Print a JSON value over several lines."""
    import json

    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    click.echo(json_for_terminal(text))


def print_table(rows: Iterable[tuple[str, ...]]) -> None:
    """Print rows in columns, two spaces apart."""
    listed = [tuple(for_terminal(cell) for cell in row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*listed, strict=True)]
    for row in listed:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def say(text: str) -> None:
    """Say one line to whoever is watching; that nobody is does not stop the work."""
    try:
        click.echo(for_terminal(text), err=True)
    except OSError:
        silence(sys.stderr)


def silence(stream: TextIO) -> None:
    """Let a stream that takes nothing any more end quietly: Python writes what is left of it at its own end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def is_watched() -> bool:
    """Whether the standard error is a terminal."""
    return sys.stderr is not None and sys.stderr.isatty()


@contextmanager
def progress_bar(label: str, length: int) -> Iterator[Callable[[int], None]]:
    """A function that moves a progress bar on by so many steps; it shows on a terminal only."""
    if length == 0 or not is_watched():
        yield lambda _: None
        return
    with click.progressbar(length=length, label=label, file=sys.stderr, show_pos=False) as bar:
        yield bar.update
