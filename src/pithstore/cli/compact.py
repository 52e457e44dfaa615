"""`pithstore compact`: write the store anew, densely."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import click

from pithstore.cli import options
from pithstore.cli.output import is_watched, print_json, print_line, progress_bar, say

if TYPE_CHECKING:
    from pithstore.report import CompactReport
    from pithstore.store import Store


@click.command("compact", short_help="Write the store anew, densely.")
@options.shared_options
def command() -> None:
    """Write the store anew, densely, and give back the space that it took.

    Others may go on reading and writing.  The old generation stays until the new one is complete and was read
    again, so both need room.  A compaction that was interrupted goes on where it was.

    JSON, one object: "versions" (packed now), "before_bytes", "after_bytes" (on the medium), "bytes_per_version"
    (null for an empty store).
    """
    with options.open_store(readonly=False) as store:
        try:
            report = _compact(store)
        except KeyboardInterrupt:
            say("nothing is lost; 'pithstore compact' goes on where this one stopped")
            raise
        versions = store.stat().versions
    _print_report(report, report.after_bytes / versions if versions else None)


def _compact(store: Store) -> CompactReport:
    with progress_bar("compact", 2 * store.stat().versions) as advance:
        done = 0

        def progress(now: int, _: int) -> None:
            nonlocal done
            advance(now - done)
            done = now

        return store.compact(progress if is_watched() else None)


def _print_report(report: CompactReport, bytes_per_version: float | None) -> None:
    if options.wants_json():
        print_json({**attrs.asdict(report), "bytes_per_version": bytes_per_version})
        return
    each = "" if bytes_per_version is None else f" ({bytes_per_version:,.0f} a version)"
    packed = f"{report.versions:,} version" if report.versions == 1 else f"{report.versions:,} versions"
    print_line(f"{packed} packed; {report.before_bytes:,} bytes before, {report.after_bytes:,} after{each}")
