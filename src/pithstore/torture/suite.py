"""All kinds of faults by name, and how many trials of each a whole run makes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from itertools import islice

import attrs

from pithstore.torture import commands, damage, full_disk, growth, kill, power, syscalls
from pithstore.torture.case import Case, Skipped, Trial

CASES = (
    Case("kill", "killed in the middle of what it does", kill.trials, 2_000),
    Case("power", "power cut, what was not synced lost or torn", power.trials, 20_000),
    Case("syscalls", "each system call of a put fails once", syscalls.trials, None),
    Case("flips", "one bit flipped in the data file", damage.flips, 20_000),
    Case("commands", "one bit flipped, read by the command line", commands.trials, 1_000),
    Case("truncations", "the data file cut", damage.truncations, None),
    Case("garbage", "pages of the data file overwritten", damage.garbage, 5_000),
    Case("old-copies", "an old copy of the data file put back", damage.old_copies, 1_000),
    Case("full-disk", "no room on the disk, then room again", full_disk.trials, 500),
    Case("growth", "eight processes on a growing store", growth.trials, 40),
)


@attrs.frozen
class Tally:
    """How many trials of a case were made, what was found, and why none were made where none could be."""

    case: str
    trials: int
    findings: tuple[Trial, ...]
    skipped: str | None = None


def run(case: Case, directory: str, first: int, times: int | None, said: Callable[[int], None]) -> Tally:
    """What came of so many trials, None for all there are, in a new directory in that one, removed at the end.

    `said` hears after each how many were made.
    """
    made, findings = 0, []
    try:
        with tempfile.TemporaryDirectory(prefix="pithstore-torture-", dir=directory) as room:
            for made, trial in enumerate(_some(case, room, first, times), 1):
                if trial.finding is not None:
                    findings.append(trial)
                said(made)
    except Skipped as why:
        return Tally(case.name, made, tuple(findings), str(why))
    return Tally(case.name, made, tuple(findings))


def _some(case: Case, room: str, first: int, times: int | None) -> Iterator[Trial]:
    return islice(case.trials(room, first), times)
