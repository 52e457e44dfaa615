"""`pithstore log`: list the versions of a source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pithstore.cli import options
from pithstore.cli.output import print_json, print_line
from pithstore.times import write_time

if TYPE_CHECKING:
    from pithstore.log import LogEntry


@click.command("log", short_help="List the versions of a source.")
@options.shared_options
@click.argument("source")
def command(source: str) -> None:
    """List the versions of SOURCE, oldest first, with the sections that differ from the version before.

    JSON: {"source", "number", "builder_version", "source_version", "snapshot", "observed_at", "recorded_at",
    "changed"} a line; "changed" is null for the first version.
    """
    with options.open_store() as store:
        for entry in store.log(source):
            if options.wants_json():
                _print_entry_json(entry)
            else:
                _print_entry(entry)


def _print_entry_json(entry: LogEntry) -> None:
    version = entry.version
    print_json(
        {
            "source": str(version.source),
            "number": version.number,
            "builder_version": version.builder_version,
            "source_version": version.source_version,
            "snapshot": str(version.snapshot),
            "observed_at": write_time(version.observed_at),
            "recorded_at": write_time(version.recorded_at),
            "changed": None if entry.changed is None else list(entry.changed),
        }
    )


def _print_entry(entry: LogEntry) -> None:
    version = entry.version
    changed = "first version" if entry.changed is None else ", ".join(entry.changed) or "same as before"
    print_line(
        f"@{version.number}  {str(version.snapshot)[:12]}  {write_time(version.observed_at)}  "
        f"{version.builder_version}  {changed}"
    )
