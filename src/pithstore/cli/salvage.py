"""`pithstore salvage`: what is intact in a damaged store, into a new one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from pithstore.cli import options
from pithstore.cli.output import is_watched, print_json, print_line, progress_bar, say
from pithstore.errors import EXIT_DIFFERS, EXIT_DONE

if TYPE_CHECKING:
    from pithstore.report import Lost, Salvaged


@click.command("salvage", short_help="Get what is intact out of a damaged store.")
@click.argument("directory", metavar="DIR")
@options.shared_options
def command(directory: str) -> int:
    """Get what is intact out of the store into a new one at DIR, which must not exist or be empty.

    The store is read as a file, page by page: it may be so damaged that nothing opens it, and is not changed.
    What can be proved by its hashes is saved, with numbers and times, and the new store is verified.  Exit 1 where
    versions are lost: these are listed.

    JSON, one object: "ok", "sources", "versions", "checks" (saved), "configured" (false where profile and limits
    were lost), "lost" (a list of "source", "number", "lacking").
    """
    from pithstore.salvaging.salvage import salvage

    with ExitStack() as shown:
        report = salvage(options.store_path(), directory, _Bars(shown) if is_watched() else _say_nothing)
    if not report.configured:
        say("the profile and the limits of the store are lost: the new one has those that a store has by default")
    if options.wants_json():
        _print_json(report)
    else:
        _print(report, directory)
    return EXIT_DONE if report.ok else EXIT_DIFFERS


def _say_nothing(_what: str, _done: int, _all: int) -> None: ...


class _Bars:
    """A progress bar for each thing that is done, one after the other."""

    def __init__(self, shown: ExitStack) -> None:
        self._shown = shown
        self._what = ""
        self._done = 0
        self._advance: Callable[[int], None]

    def __call__(self, what: str, done: int, count: int) -> None:
        if what != self._what:
            self._shown.close()
            self._what, self._done = what, 0
            self._advance = self._shown.enter_context(progress_bar(what, count))
        self._advance(done - self._done)
        self._done = done


def _print_json(report: Salvaged) -> None:
    from pithstore.wire import to_json

    found = to_json(report)
    print_json({"ok": report.ok, **found} if isinstance(found, dict) else found)


def _print(report: Salvaged, directory: str) -> None:
    for lost in report.lost:
        print_line(f"lost: {_name(lost)} ({lost.lacking})")
    of = f"{report.sources:,} source{'' if report.sources == 1 else 's'}"
    saved = f"{report.versions:,} version{'' if report.versions == 1 else 's'} of {of}"
    lost_ones = f"{len(report.lost):,} lost" if report.lost else "nothing is known to be lost"
    print_line(f"saved {saved} into {directory}; {lost_ones}")


def _name(lost: Lost) -> str:
    source = "a source whose name is lost" if lost.source is None else str(lost.source)
    return source if lost.number is None else f"{source} version {lost.number}"
