"""`make torture`: many trials of every case, two at a time, and the sums of all runs in figures.json.

A run goes on with the seeds where the last one ended.  It stops when each case has had its trials, or the time is
over; a finding ends it with exit code 1 and stays in the figures until it was looked into.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TypedDict

from pithstore.torture.suite import CASES

FIGURES = Path(__file__).parent / "figures.json"
AT_ONCE = 2
PARTS = 40
"""Into so many parts a case is divided: they take turns, so that time is shared."""

ALL = 1_000_000
PATIENCE = 3600


class Figures(TypedDict):
    """The sums over all runs of one case, and the seed of the next trial."""

    trials: int
    findings: list[str]
    next: int
    skipped: str | None


def one_part(name: str, first: int, trials: int, directory: str) -> Figures:
    """What that many trials came to."""
    command = [sys.executable, "-m", "tests.faults.command", "torture", directory, "--json", "--case", name]
    command += ["--first", str(first), "--trials", str(trials)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode not in (0, 1):
        return Figures(trials=0, findings=[f"seed {first} on: {done.stderr[-400:]}"], next=first, skipped=None)
    said = json.loads(done.stdout)
    findings = [f"{each['seed']}: {each['finding']}" for each in said["findings"]]
    return Figures(trials=said["trials"], findings=findings, next=first + said["trials"], skipped=said["skipped"])


def added(before: Figures, part: Figures) -> Figures:
    """The sums with one part more."""
    return Figures(
        trials=before["trials"] + part["trials"],
        findings=before["findings"] + part["findings"],
        next=part["next"],
        skipped=part["skipped"],
    )


Turn = tuple[str, int | None, int]
"""A case, how many trials its next part has, None for all there are, and how many parts are left."""


class Run:
    """The cases in turn, two at a time, until each has had its trials or the time is over."""

    def __init__(self, cases: Collection[str], minutes: float) -> None:
        self._figures: dict[str, Figures] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
        self._end = time.monotonic() + 60 * minutes
        self._turns: deque[Turn] = deque(
            (case.name, case.asked and max(1, case.asked // PARTS), PARTS if case.asked else 1)
            for case in CASES
            if not cases or case.name in cases
        )
        self.found = False

    def run(self, room: str) -> None:
        """Make the trials, and keep the sums after each part."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            running: dict[Future[Figures], Turn] = {}
            while self._turns or running:
                while self._turns and len(running) < AT_ONCE and time.monotonic() < self._end:
                    turn = self._turns.popleft()
                    running[pool.submit(one_part, turn[0], *self._seeds(turn), room)] = turn
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    self._take(running.pop(future), future.result())

    def _seeds(self, turn: Turn) -> tuple[int, int]:
        """The first seed of a part, and how many trials it has."""
        name, trials, _ = turn
        return (self._figures[name]["next"] if name in self._figures and trials else 0), trials or ALL

    def _take(self, turn: Turn, part: Figures) -> None:
        name, trials, left = turn
        empty = Figures(trials=0, findings=[], next=0, skipped=None)
        sums = self._figures[name] = added(self._figures.get(name, empty), part)
        FIGURES.write_text(json.dumps(self._figures, indent=1) + "\n")
        sys.stdout.write(f"{name}: {sums['trials']:,} trials, {part['findings'] or 'nothing found'}\n")
        self.found = self.found or bool(part["findings"])
        if left > 1 and not part["skipped"] and not part["findings"]:
            self._turns.append((name, trials, left - 1))


def main() -> int:
    """Run the cases; 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=55)
    parser.add_argument("--case", action="append", default=[])
    asked = parser.parse_args()
    run = Run(asked.case, asked.minutes)
    with tempfile.TemporaryDirectory(prefix="torture-") as room:
        run.run(room)
    return 1 if run.found else 0


if __name__ == "__main__":
    sys.exit(main())
