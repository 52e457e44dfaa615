"""`pithstore verify`: read everything again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pithstore.cli import options
from pithstore.cli.output import is_watched, print_json, print_line, progress_bar
from pithstore.errors import EXIT_DIFFERS, EXIT_DONE

if TYPE_CHECKING:
    from pithstore.report import VerifyReport
    from pithstore.store import Store


@click.command("verify", short_help="Read everything again and compare it with its hashes.")
@options.shared_options
def command() -> int:
    """Read everything again and compare it with its hashes; exit 1 if anything is not as it was stored.

    JSON, one object: "ok", "versions", "snapshots", "blobs", "problems" (a list of "code", "source", "number",
    "section", "digest", "message").
    """
    with options.open_store() as store:
        report = _verify(store)
    if options.wants_json():
        _print_report_json(report)
    else:
        _print_report(report)
    return EXIT_DONE if report.ok else EXIT_DIFFERS


def _verify(store: Store) -> VerifyReport:
    stat = store.stat()
    with progress_bar("verify", stat.blobs + stat.snapshots + stat.versions) as advance:
        done = 0

        def progress(now: int, _: int) -> None:
            nonlocal done
            advance(now - done)
            done = now

        return store.verify(progress if is_watched() else None)


def _print_report_json(report: VerifyReport) -> None:
    from pithstore.wire import to_json

    counts = {"versions": report.versions, "snapshots": report.snapshots, "blobs": report.blobs}
    print_json({"ok": report.ok, **counts, "problems": [to_json(problem) for problem in report.problems]})


def _print_report(report: VerifyReport) -> None:
    for problem in report.problems:
        print_line(f"{problem.code}: {problem.message}")
    looked = f"{report.versions:,} versions, {report.snapshots:,} snapshots, {report.blobs:,} blobs"
    if report.ok:
        print_line(f"ok: {looked} are what they were")
    else:
        print_line(f"{len(report.problems):,} problems in {looked}")
