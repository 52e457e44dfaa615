"""`pithstore verify`: read everything again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pithstore.cli import options
from pithstore.cli.output import is_watched, print_json, print_line, progress_bar, say
from pithstore.cli.problems import print_problems
from pithstore.errors import EXIT_DIFFERS, EXIT_DONE, Damaged, PithstoreError, UsageError

if TYPE_CHECKING:
    from pithstore.report import How, Problem, VerifyReport
    from pithstore.store import Store


@click.command("verify", short_help="Read everything again and compare it with its hashes.")
@click.option("--quick", is_flag=True, help="Look at the index alone.")
@click.option("--deep", is_flag=True, help="Walk the structure of the data file first.")
@options.shared_options
def command(quick: bool, deep: bool) -> int:
    """Read everything again and compare it with its hashes; exit 1 if anything is not as it was stored.

    With --deep a damaged structure is told even where the store cannot be opened: exit 12.

    JSON, one object: "ok", "versions", "snapshots", "blobs", "problems", "warnings" (lists of "code", "message",
    "source", "number", "section", "digest", "affected", "remedy").
    """
    if quick and deep:
        raise UsageError("--quick and --deep exclude each other; give one of them")
    try:
        store = options.open_store(isolate=deep)
    except Damaged as error:
        if not deep:
            raise
        return _tell_structure(error)
    with store:
        report = _verify(store, "quick" if quick else "deep" if deep else "all")
    _print_report(report, quick=quick)
    return EXIT_DONE if report.ok else EXIT_DIFFERS


def _tell_structure(error: Damaged) -> int:
    """Print what is wrong with the data file of a store that cannot be opened."""
    from pithstore.opening import walk_at_rest

    try:
        problems = walk_at_rest(options.store_path())
    except PithstoreError:
        raise error from None
    if not problems:
        raise error
    _print_report(_unread(problems))
    say(f"pithstore: {error}")
    return Damaged.exit_code


def _unread(problems: tuple[Problem, ...]) -> VerifyReport:
    from pithstore.report import VerifyReport

    return VerifyReport(0, 0, 0, problems)


def _verify(store: Store, how: How) -> VerifyReport:
    with progress_bar("verify", 1000 if is_watched() else 0) as advance:
        shown = 0

        def progress(done: int, expected: int) -> None:
            nonlocal shown
            now = 1000 * done // max(1, expected)
            advance(now - shown)
            shown = now

        return store.verify(progress if is_watched() else None, how)


def _print_report(report: VerifyReport, *, quick: bool = False) -> None:
    if options.wants_json():
        from pithstore.wire import to_json

        found = to_json(report)
        print_json({"ok": report.ok, **found} if isinstance(found, dict) else found)
        return
    print_problems(report.problems)
    if report.erased:
        lack = "version lacks" if report.erased == 1 else "versions lack"
        print_line(f"{report.erased:,} {lack} a section that was erased")
    for warning in report.warnings:
        print_line(f"warning: {warning.code}: {warning.message}; it is written by {warning.remedy}")
    looked = f"{report.versions:,} versions, {report.snapshots:,} snapshots, {report.blobs:,} blobs"
    looked = f"the index of {report.versions:,} versions" if quick else looked
    if any(problem.code == "structure-damaged" for problem in report.problems):
        print_line(f"{len(report.problems):,} problems in the structure; nothing else was read")
    elif report.ok and quick:
        print_line(f"ok: {looked} is sound; no blob was read")
    elif report.ok:
        print_line(f"ok: {looked} are what they were")
    else:
        print_line(f"{len(report.problems):,} problems in {looked}")
