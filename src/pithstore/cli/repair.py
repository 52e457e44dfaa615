"""`pithstore repair`: good bytes in place of bad ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pithstore.cli import options
from pithstore.cli.output import is_watched, print_json, print_line, progress_bar
from pithstore.errors import EXIT_DIFFERS, EXIT_DONE

if TYPE_CHECKING:
    from pithstore.report import RepairReport


@click.command("repair", short_help="Mend what is damaged, from another copy.")
@click.option("--from", "source", metavar="COPY", help="Another copy: a store, or an archive of 'export'.")
@options.shared_options
def command(source: str | None) -> int:
    """Mend what is damaged, from what the store itself says twice and from another copy of it.

    All that is taken is hashed first.  Then everything is read again; exit 1 if anything is still broken.

    A store that does not open because it is older than its receipt knows is gone on with as it is; with --from,
    what the copy has behind it comes back.

    JSON, one object: "ok", "setback" (what the receipt held against the store, or null), "missing_commits",
    "mended" (code of the problem → how many), "taken" (versions whose record was written again), "brought"
    (versions that came back after a setback), "problems" (as of verify).
    """
    report = _repair(source)
    _print_report(report)
    return EXIT_DONE if report.ok else EXIT_DIFFERS


def _repair(source: str | None) -> RepairReport:
    from pithstore.repairing.from_path import repair_at

    with progress_bar("repair", 1000 if is_watched() else 0) as advance:
        shown = 0

        def progress(done: int, expected: int) -> None:
            nonlocal shown
            now = 1000 * done // max(1, expected)
            if now > shown:
                advance(now - shown)
                shown = now

        return repair_at(options.store_path(), source, progress)


def _print_report(report: RepairReport) -> None:
    if options.wants_json():
        from pithstore.wire import to_json

        problems = [to_json(problem) for problem in report.verified.problems]
        print_json(
            {
                "ok": report.ok,
                "setback": report.setback,
                "missing_commits": report.missing_commits,
                "mended": dict(report.mended),
                "taken": report.taken,
                "brought": report.brought,
                "problems": problems,
            }
        )
        return
    if report.setback is not None:
        _print_setback(report)
    for code, count in report.mended.items():
        print_line(f"mended: {count:,} {code}")
    for problem in report.verified.problems:
        print_line(f"still broken: {problem.code}: {problem.message}")
    looked = report.verified
    if report.ok:
        print_line(f"ok: {looked.versions:,} versions and {looked.blobs:,} blobs are sound")
    else:
        print_line(f"{len(looked.problems):,} problems are left; name another copy with --from, or see 'salvage'")


def _print_setback(report: RepairReport) -> None:
    missing = "an unknown number of" if report.missing_commits is None else f"{report.missing_commits:,}"
    print_line(f"the store was not what its receipt knew of, and is gone on with: {missing} commits are missing")
    if report.brought:
        print_line(f"brought back from the copy: {report.brought:,} versions")
