"""`pithstore log`: list the versions of a source."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from pithstore.cli import options
from pithstore.cli.output import print_json, print_line
from pithstore.cli.version_json import version_json
from pithstore.errors import UsageError
from pithstore.times import read_time, write_time

if TYPE_CHECKING:
    from pithstore.diff.comparison import Diff
    from pithstore.history.log import LogEntry
    from pithstore.pointer import Json
    from pithstore.reader import Reader


@click.command("log", short_help="List the versions of a source.")
@options.shared_options
@options.horizon_options
@options.builder_option
@click.argument("source")
@click.option("-p", "--patch", "patch", is_flag=True, help="Show what changed in each.")
@click.option("--stat", is_flag=True, help="Show how much changed in each, by section.")
@click.option("--section", "sections", multiple=True, metavar="NAME", help="Only where it changed; repeats.")
@click.option("--since", metavar="TIME", help="Only what was observed from then on.")
@click.option("--until", metavar="TIME", help="Only what was observed up to then.")
@click.option("--oneline", is_flag=True, help="Number, hash and changed sections alone.")
def command(
    source: str,
    patch: bool,
    stat: bool,
    sections: tuple[str, ...],
    since: str | None,
    until: str | None,
    oneline: bool,
) -> None:
    """List the versions of SOURCE, oldest first, with the sections that differ from the version before.

    JSON: {"source", "number", "builder_version", "source_version", "snapshot", "observed_at", "recorded_at",
    "changed"} a line; "changed" is null for the first version.  With -p also "changes", as diff prints them.
    """
    from pithstore.history.log import LogFilter

    if stat and options.wants_json():
        raise UsageError("--stat is for people; with --json give -p, which has every change")
    only = LogFilter(sections, _moment(since), _moment(until))
    with options.open_reader() as store:
        for entry in store.log(source, only):
            if options.wants_json():
                print_json(_entry_json(entry) | (_changes_json(store, entry, sections) if patch else {}))
                continue
            _print_entry(entry, oneline)
            if patch or stat:
                _print_changes(store, entry, sections, patch, stat)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else read_time(text)


def _entry_json(entry: LogEntry) -> dict[str, Json]:
    return {
        **version_json(entry.version),
        "changed": None if entry.changed is None else list(entry.changed),
    }


def _print_entry(entry: LogEntry, oneline: bool) -> None:
    version = entry.version
    changed = "first version" if entry.changed is None else ", ".join(entry.changed) or "same as before"
    made = "" if oneline else f"{write_time(version.observed_at)}  {version.builder_version}  "
    print_line(f"@{version.number}  {str(version.snapshot)[:12]}  {made}{changed}")


def _changes_json(store: Reader, entry: LogEntry, sections: tuple[str, ...]) -> dict[str, Json]:
    from pithstore.cli.diff_output import change_json

    diff = _diff(store, entry, sections)
    if diff is None:
        return {"changes": None}
    return {
        "changes": [
            {"section": section.name, **change_json(change)}
            for section in diff.sections
            for change in section.changes
        ]
    }


def _print_changes(store: Reader, entry: LogEntry, sections: tuple[str, ...], patch: bool, stat: bool) -> None:
    from pithstore.cli.diff_output import print_diff, print_stat

    diff = _diff(store, entry, sections)
    if diff is not None:
        if stat:
            print_stat(diff, as_json=False)
        if patch:
            print_diff(diff, headings=False)
        click.echo()


def _diff(store: Reader, entry: LogEntry, sections: tuple[str, ...]) -> Diff | None:
    """What leads from the version before to this one, in the sections that are asked for; None for the first."""
    if entry.before is None or not entry.changed:
        return None
    wanted = [name for name in entry.changed if not sections or name in sections]
    return store.diff(entry.before, entry.version, wanted)
