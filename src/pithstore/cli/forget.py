"""`pithstore forget`: drop versions on purpose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pithstore.cli import options
from pithstore.cli.output import print_json, print_line, say
from pithstore.cli.version_json import version_json
from pithstore.times import write_time

if TYPE_CHECKING:
    from pithstore.model import Version
    from pithstore.report import Forgotten


@click.command("forget", short_help="Drop versions on purpose.")
@options.shared_options
@click.argument("refs", nargs=-1, metavar="[REF]...")
@click.option(
    "--keep-last", type=click.IntRange(min=1), metavar="N", help="Keep the last N versions of each line."
)
@click.option("--before", metavar="TIME", help="Drop what was observed before then, but the last of each line.")
@click.option("--source", "sources", multiple=True, metavar="SOURCE", help="Only of this source; repeat for more.")
@click.option("--dry-run", is_flag=True, help="Say what would be dropped, and drop nothing.")
def command(
    refs: tuple[str, ...], keep_last: int | None, before: str | None, sources: tuple[str, ...], dry_run: bool
) -> None:
    """Drop the versions that each REF means, or those that a rule drops; their numbers are never given again.

    A rule is --keep-last or --before.  It never drops the last version of a line, a source by one builder; a REF
    may.  What no version needs any more is removed by 'pithstore gc', and compaction gives the room back.

    JSON: {"source", "number", "builder_version", "source_version", "snapshot", "observed_at", "recorded_at"} a
    line, of each version that was dropped.
    """
    named = [options.read_source(text) for text in sources]
    with options.open_store(readonly=dry_run) as store:
        found = store.forget(
            *refs, keep_last=keep_last, before=before, sources=named, dry_run=dry_run, told=_print_versions
        )
    _say_sum(found, dry_run)


def _print_versions(versions: Sequence[Version]) -> None:
    for version in versions:
        if options.wants_json():
            print_json(version_json(version))
        else:
            time = write_time(version.observed_at)
            snapshot = str(version.snapshot)[:12]
            print_line(f"{version.source}@{version.number}  {snapshot}  {time}  {version.builder_version}")


def _say_sum(found: Forgotten, dry_run: bool) -> None:
    versions = f"{found.versions:,} version{'' if found.versions == 1 else 's'}"
    sources = f"{found.sources:,} source{'' if found.sources == 1 else 's'}"
    if dry_run:
        say(f"{versions} of {sources} would be forgotten")
    elif found.versions == 0:
        say("there is nothing to forget")
    else:
        say(f"{versions} of {sources} forgotten; 'pithstore gc' says what nothing reaches any more")
