"""`pithstore blame`: which version set a value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from pithstore.cli import options
from pithstore.cli.output import print_json, print_table
from pithstore.times import write_time

if TYPE_CHECKING:
    from pithstore.history.blame import Blame

_SHOWN = 60  # characters of a value


@click.command("blame", short_help="Show which version, builder and time set each value.")
@options.shared_options
@options.horizon_options
@options.builder_option
@click.argument("ref")
def command(ref: str) -> None:
    """Show for each value of REF the version that last set it, and by which builder and when.

    #SECTION/POINTER asks for one value, or for those below it.  A value that moved within a list keeps the version
    that set it.

    JSON: {"pointer", "value", "source", "number", "builder_version", "observed_at"} a line.
    """
    with options.open_reader() as store:
        blames = store.blame(ref)
    if options.wants_json():
        for blame in blames:
            _print_blame_json(blame)
    elif blames:
        print_table(map(_row, blames))


def _print_blame_json(blame: Blame) -> None:
    version = blame.version
    print_json(
        {
            "pointer": blame.pointer,
            "value": blame.value,
            "source": str(version.source),
            "number": version.number,
            "builder_version": version.builder_version,
            "observed_at": write_time(version.observed_at),
        }
    )


def _row(blame: Blame) -> tuple[str, ...]:
    version = blame.version
    text = json.dumps(blame.value, ensure_ascii=False)
    short = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return f"@{version.number}", write_time(version.observed_at), version.builder_version, blame.pointer, short
