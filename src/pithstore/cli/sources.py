"""`pithstore sources`: the whole archive as of a moment, one version of each source."""

from __future__ import annotations

import click

from pithstore.cli import options
from pithstore.cli.output import print_json, print_line
from pithstore.cli.version_json import version_json
from pithstore.times import write_time


@click.command("sources", short_help="List each source with its version as of a moment.")
@options.shared_options
@options.horizon_options
def command() -> None:
    """List each source with its newest version, or with --at its version as of then.

    JSON: {"source", "number", "builder_version", "source_version", "snapshot", "observed_at", "recorded_at"} a
    line.
    """
    with options.open_reader() as store:
        for version in store.latest():
            if options.wants_json():
                print_json(version_json(version))
            else:
                time = write_time(version.observed_at)
                print_line(
                    f"{version.source}@{version.number}  {str(version.snapshot)[:12]}  {time}  "
                    f"{version.builder_version}"
                )
