"""`pithstore conflicts`: where one builder made different contents of one source version."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import click

from pithstore.cli import options
from pithstore.cli.output import print_json, print_line, print_table
from pithstore.errors import EXIT_DIFFERS, EXIT_DONE
from pithstore.times import write_time

if TYPE_CHECKING:
    from pithstore.history.conflicts import Conflict

_SHOWN = 8  # numbers of versions


@click.command("conflicts", short_help="List where one builder made two contents of one source version.")
@options.shared_options
@options.horizon_options
@click.argument("source", required=False)
def command(source: str | None) -> int:
    """List where one builder made different contents of the same source version: everywhere, or of SOURCE.

    Exit 1 if there are any.

    JSON: {"source", "source_version", "builder_version", "snapshots", "sections", "versions"} a line; "versions"
    are objects "number", "snapshot", "observed_at".
    """
    sections: Counter[str] = Counter()
    count = 0
    with options.open_reader() as store:
        for conflict in store.conflicts(source):
            count += 1
            sections.update(conflict.sections)
            _print_conflict(conflict)
    if not options.wants_json():
        _print_summary(count, sections)
    return EXIT_DIFFERS if count else EXIT_DONE


def _print_conflict(conflict: Conflict) -> None:
    if options.wants_json():
        print_json(
            {
                "source": str(conflict.source),
                "source_version": conflict.source_version,
                "builder_version": conflict.builder_version,
                "snapshots": conflict.snapshots,
                "sections": list(conflict.sections),
                "versions": [
                    {
                        "number": version.number,
                        "snapshot": str(version.snapshot),
                        "observed_at": write_time(version.observed_at),
                    }
                    for version in conflict.versions
                ],
            }
        )
        return
    numbers = [f"@{version.number}" for version in conflict.versions]
    shown = " ".join(numbers[:_SHOWN]) + (f" … {numbers[-1]}" if len(numbers) > _SHOWN else "")
    times = [version.observed_at for version in conflict.versions]
    made = f"source version {json.dumps(conflict.source_version)} by {conflict.builder_version}"
    print_line(
        f"{conflict.source}  {made}: {conflict.snapshots} contents in {shown}, "
        f"{write_time(min(times))} to {write_time(max(times))}: {', '.join(conflict.sections)}"
    )


def _print_summary(count: int, sections: Counter[str]) -> None:
    if not count:
        print_line("no conflicts: each builder made one content of each source version")
        return
    conflicts = "1 conflict" if count == 1 else f"{count:,} conflicts"
    print_line(f"{conflicts}; the sections that differ, and in how many:")
    print_table((f"{number:>9,}", name) for name, number in sections.most_common())
