"""`pithstore scrub`: verify in pieces, each of which goes on where the last one stopped."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

import click

from pithstore.cli import options
from pithstore.cli.output import is_watched, print_json, print_line, progress_bar, say
from pithstore.cli.problems import print_problems
from pithstore.errors import EXIT_DIFFERS, EXIT_DONE, EXIT_INTERRUPTED

if TYPE_CHECKING:
    from pithstore.report import ScrubReport
    from pithstore.store import Store

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", re.ASCII)
_SECONDS = (86400, 3600, 60, 1)


def _read_duration(ctx: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise click.BadParameter(f"{text!r} is no duration; write 90s, 10m or 1h30m", ctx=ctx, param=parameter)
    return sum(int(count or 0) * seconds for count, seconds in zip(match.groups(), _SECONDS, strict=True))


def _read_share(ctx: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)%", text, re.ASCII)
    share = float(match[1]) / 100 if match else 0.0
    if not 0 < share <= 1:
        raise click.BadParameter(f"{text!r} is no share; write 1% or 0.5%", ctx=ctx, param=parameter)
    return share


@click.command("scrub", short_help="Verify in pieces, going on where the last one stopped.")
@click.option(
    "--max-duration", metavar="TIME", callback=_read_duration, help="Stop after it, as in 90s, 10m, 1h30m."
)
@click.option("--sample", metavar="P%", callback=_read_share, help="Look at that share of the sources, by chance.")
@options.shared_options
def command(max_duration: float | None, sample: float | None) -> int:
    """Go on with reading everything again where the last scrub stopped; exit 1 if anything is not as it was.

    A round covers all but the sums, which 'pithstore verify' counts.  It stops after --max-duration, or with
    Ctrl-C behind the page that is looked at, and the next scrub goes on.  A --sample is of no round.

    JSON, one object: "ok", "versions", "snapshots", "blobs" (looked at this time), "problems" (as of verify),
    "began" (the round), "covered" (of it, from 0 to 1), "ended".
    """
    with options.open_store(readonly=sample is not None) as store, _interruptions() as interrupted:
        report = _scrub(store, max_duration, sample, interrupted)
        stopped = interrupted()
    _print_report(report)
    if stopped:
        say("pithstore: interrupted; the next scrub goes on")
        return EXIT_INTERRUPTED
    return EXIT_DONE if report.ok else EXIT_DIFFERS


@contextmanager
def _interruptions() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed; when it is pressed again that is as ever."""
    pressed = False

    def press(_number: int, _frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, press)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)


def _scrub(
    store: Store, max_duration: float | None, sample: float | None, stop: Callable[[], bool]
) -> ScrubReport:
    with progress_bar("scrub", 1000 if is_watched() else 0) as advance:
        shown = 0

        def progress(done: int, expected: int) -> None:
            nonlocal shown
            now = 1000 * done // max(1, expected)
            advance(now - shown)
            shown = now

        return store.scrub(max_duration=max_duration, sample=sample, stop=stop, progress=progress)


def _print_report(report: ScrubReport) -> None:
    if options.wants_json():
        from pithstore.wire import to_json

        found = to_json(report)
        print_json({"ok": report.ok, **found} if isinstance(found, dict) else found)
        return
    print_problems(report.problems)
    looked = f"{report.versions:,} versions, {report.blobs:,} blobs"
    print_line(
        f"ok: {looked} are what they were" if report.ok else f"{len(report.problems):,} problems in {looked}"
    )
    print_line(_covered(report))


def _covered(report: ScrubReport) -> str:
    if report.began is None:
        return f"a sample, of {report.covered:.1%} of all versions"
    from pithstore.times import write_time

    began = f"the round that began {write_time(report.began)}"
    return f"{began} has ended" if report.ended else f"{report.covered:.0%} of {began}; the next scrub goes on"
