"""`pithstore reproduce`: run a builder again and compare what it makes."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple

import click

from pithstore.cli import options
from pithstore.cli.output import print_json, print_line, progress_bar
from pithstore.errors import EXIT_DIFFERS, EXIT_DONE, UsageError

if TYPE_CHECKING:
    from pithstore.cli.junit import JunitReport
    from pithstore.pointer import Json
    from pithstore.reproduction.verdict import Reproduction


class _How(NamedTuple):
    """The options by which a builder is run and told of."""

    ignore: tuple[str, ...]
    twice: bool
    timeout: float
    jobs: int
    record: bool
    junit: str | None


@click.command("reproduce", short_help="Run a builder again and compare what it makes.")
@options.shared_options
@options.horizon_options
@click.argument("refs", nargs=-1, metavar="REF...")
@click.option("--run", "builder", metavar="COMMAND", help="The builder: split as a shell would, run without one.")
@click.option("--ignore", multiple=True, metavar="POINTER", help="Leave out what stands there; may be repeated.")
@click.option("--twice", is_flag=True, help="Run twice, to see whether the builder agrees with itself.")
@click.option("--timeout", type=float, default=600, metavar="SECONDS", help="For one run; 600 if not given.")
@click.option("--jobs", type=int, default=1, metavar="N", help="How many runs go on at a time; 1 if not given.")
@click.option("--record", is_flag=True, help="Keep the results: digests and pointers, no values.")
@click.option("--junit", metavar="FILE", help="Write a JUnit XML report too.")
@click.option("--log", "show_log", is_flag=True, help="List the results that were kept; runs nothing.")
def command(
    refs: tuple[str, ...],
    builder: str | None,
    show_log: bool,
    ignore: tuple[str, ...],
    twice: bool,
    timeout: float,
    jobs: int,
    record: bool,
    junit: str | None,
) -> int:
    """Run a builder again for each version, and compare what it makes with what is stored, section by section.
    Exit 1 if any verdict is not 'identical'.

    COMMAND gets {"kind", "id", "version"} of the source as JSON on its standard input and writes a record to its
    standard output.  Which builder_version that record names is told, and does not count.

    JSON: {"source", "number", "builder_version", "snapshot", "verdict", "sections", "changes", "observed",
    "ignored", "rebuilt", "rebuilt_by", "failure", "why", "log"} a line; with --log {"source", "number",
    "checked_at", "snapshot", "verdict", "rebuilt", "rebuilt_by", "failure", "changes", "sections", "pointers",
    "ignored"}.
    """
    if show_log:
        if builder is not None or ignore or twice or record or junit is not None:
            raise UsageError("--log lists results that were kept and runs nothing; leave out the other options")
        from pithstore.cli.check_log import print_log

        with options.open_reader() as store:
            print_log(store, refs)
        return EXIT_DONE
    if builder is None:
        raise UsageError("there is no builder to run; give --run COMMAND, or --log for the results that were kept")
    if not refs:
        raise UsageError("there is nothing to build again; give references of versions, or sources")
    counts = _reproduce(refs, builder, _How(ignore, twice, timeout, jobs, record, junit))
    if not options.wants_json():
        from pithstore.cli.reproduction_text import summary

        print_line(summary(counts))
    return EXIT_DONE if set(counts) == {"identical"} else EXIT_DIFFERS


def _reproduce(refs: tuple[str, ...], builder: str, how: _How) -> Counter[str]:
    from pithstore.reproduction.builder_process import CommandBuilder

    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        store = stack.enter_context(options.open_store(readonly=not how.record))
        most = store.configuration.limits.record_bytes
        build = stack.enter_context(CommandBuilder(builder, timeout=how.timeout, record_bytes=most))
        report = None if how.junit is None else stack.enter_context(_junit(how.junit))
        # Where the results go to a terminal they are the progress.
        advance = stack.enter_context(progress_bar("reproduce", 0 if sys.stdout.isatty() else len(refs)))
        stack.enter_context(_ends_in_order())
        reader = options.within(store)
        results = reader.reproduce(refs, build, ignore=how.ignore, twice=how.twice, jobs=how.jobs)
        for reproduction in stack.enter_context(closing(results)):
            if how.record:
                store.record_check(reproduction)
            if report is not None:
                report.add(reproduction)
            _print(reproduction)
            counts[reproduction.verdict] += 1
            advance(1)
    return counts


def _junit(path: str) -> JunitReport:
    from pithstore.cli.junit import JunitReport

    return JunitReport(path)


@contextmanager
def _ends_in_order() -> Iterator[None]:
    """End as an exception does when the process is told to end: else what it runs would go on without it."""

    def end(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    told = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    for number in told:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in told:
            signal.signal(number, signal.SIG_DFL)


def _print(reproduction: Reproduction) -> None:
    if options.wants_json():
        print_json(_as_json(reproduction))
        return
    from pithstore.cli.reproduction_text import details, headline

    version = reproduction.version
    print_line(f"{version.source}@{version.number}  {headline(reproduction)}")
    for line in details(reproduction):
        print_line(f"    {line}")


def _as_json(reproduction: Reproduction) -> Json:
    from pithstore.cli.diff_output import change_json

    version, failure = reproduction.version, reproduction.failure
    return {
        "source": str(version.source),
        "number": version.number,
        "builder_version": version.builder_version,
        "snapshot": str(version.snapshot),
        "verdict": reproduction.verdict,
        "sections": list(reproduction.sections),
        "changes": [change_json(change) for change in reproduction.changes],
        "observed": [change_json(change) for change in reproduction.observed],
        "ignored": list(reproduction.ignored),
        "rebuilt": None if reproduction.rebuilt is None else str(reproduction.rebuilt),
        "rebuilt_by": reproduction.rebuilt_by,
        "failure": None if failure is None else failure.reason,
        "why": None if failure is None else failure.why,
        "log": [] if failure is None else list(failure.log),
    }
