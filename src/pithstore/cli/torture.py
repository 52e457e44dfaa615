"""`pithstore torture`: try what a store survives on a medium of one's own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from pithstore.cli import options
from pithstore.cli.output import print_json, print_line, progress_bar
from pithstore.errors import EXIT_DIFFERS, EXIT_DONE

if TYPE_CHECKING:
    from pithstore.pointer import Json
    from pithstore.torture.case import Case
    from pithstore.torture.suite import Tally

_TRIALS = 50


@click.command("torture", short_help="Try on a medium what a store survives.")
@click.argument("directory", type=click.Path(exists=True, file_okay=False, writable=True))
@click.option("--case", "names", multiple=True, metavar="NAME", help="Only this case; may be given again.")
@click.option(
    "--trials", type=click.IntRange(1), default=_TRIALS, show_default=True, help="How many of each case."
)
@click.option("--first", type=click.IntRange(0), default=0, show_default=True, help="Seed of the first trial.")
@options.shared_options
def command(directory: str, names: tuple[str, ...], trials: int, first: int) -> int:
    """Make faults on small stores in DIRECTORY, and look whether anything that was acknowledged is lost.

    The stores are new ones, in a directory that is removed at the end; no other store is touched.  Exit 1 if
    anything was found; the seed of a finding makes it again.

    JSON, one line for each case: "case", "trials", "findings" (a list of "seed", "finding"), "skipped" (why, or
    null).
    """
    chosen = _chosen(names)
    tallies = [_tried(case, os.path.abspath(directory), first, trials) for case in chosen]
    return EXIT_DIFFERS if any(tally.findings for tally in tallies) else EXIT_DONE


def _chosen(names: tuple[str, ...]) -> list[Case]:
    from pithstore.torture.suite import CASES

    known = [case.name for case in CASES]
    for name in names:
        if name not in known:
            raise click.BadParameter(f"{name!r} is none of {', '.join(known)}", param_hint="--case")
    return [case for case in CASES if not names or case.name in names]


def _tried(case: Case, directory: str, first: int, trials: int) -> Tally:
    from pithstore.torture import suite

    with progress_bar(case.name, trials) as advance:
        tally = suite.run(case, directory, first, trials, lambda _: advance(1))
    if options.wants_json():
        findings: list[Json] = [{"seed": each.seed, "finding": each.finding} for each in tally.findings]
        print_json({"case": case.name, "trials": tally.trials, "findings": findings, "skipped": tally.skipped})
    else:
        _print_tally(case, tally)
    return tally


def _print_tally(case: Case, tally: Tally) -> None:
    for each in tally.findings:
        print_line(f"{case.name} {each.seed}: {each.finding}")
    if tally.skipped is not None:
        print_line(f"{case.name}: skipped, {tally.skipped}")
    else:
        found = f"{len(tally.findings)} findings" if tally.findings else "nothing found"
        print_line(f"{case.name}: {tally.trials:,} trials ({case.title}): {found}")
