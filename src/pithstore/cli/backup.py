"""`pithstore backup`: copy what is new into a store in another directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pithstore.cli import options
from pithstore.cli.output import is_watched, print_json, print_line, progress_bar, say
from pithstore.errors import EXIT_DIFFERS, EXIT_DONE

if TYPE_CHECKING:
    from pithstore.report import BackupReport
    from pithstore.store import Store


@click.command("backup", short_help="Copy what is new into a store in another directory.")
@click.argument("directory", metavar="DIR")
@options.shared_options
def command(directory: str) -> int:
    """Copy what is new into the store at DIR, which is created if there is none.

    The copy has all that the store had recorded when the backup began, with numbers and times; others may go on
    writing.  Each version is hashed on its way and read again from DIR.  A backup that was interrupted is gone on
    with by the next one.  Exit 1 where something damaged could not be copied.

    JSON, one object: "ok", "until", "sources", "versions", "record_bytes" (copied now), "present", "kept" (what
    only DIR has), "checks", "fingerprint", "agrees", "problems" (as of verify).
    """
    with options.open_store(readonly=False) as store:
        try:
            report = _backup(store, directory)
        except KeyboardInterrupt:
            say(f"what was copied stays in {directory}; the next backup goes on behind it")
            raise
    _print_report(report)
    return EXIT_DONE if report.ok else EXIT_DIFFERS


def _backup(store: Store, directory: str) -> BackupReport:
    with progress_bar("backup", 1000 if is_watched() else 0) as advance:
        shown = 0

        def progress(done: int, expected: int) -> None:
            nonlocal shown
            now = 1000 * done // max(1, expected)
            advance(now - shown)
            shown = now

        return store.backup(directory, progress)


def _print_report(report: BackupReport) -> None:
    if options.wants_json():
        from pithstore.wire import to_json

        found = to_json(report)
        print_json({"ok": report.ok, **found} if isinstance(found, dict) else found)
        return
    for problem in report.problems:
        print_line(f"{problem.code}: {problem.message}")
    copied = f"{_count(report.versions, 'version')} of {_count(report.sources, 'source')} copied"
    checks = f", {_count(report.checks, 'recorded check')}" if report.checks else ""
    kept = f", {report.kept:,} that only the copy has" if report.kept else ""
    print_line(f"{copied}{checks}; {report.present:,} were there{kept}")
    if report.ok:
        print_line(f"ok: the copy has every version of the store; fingerprint {report.fingerprint}")
    else:
        print_line("the copy does not have every version of the store; mend it and back up again")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
