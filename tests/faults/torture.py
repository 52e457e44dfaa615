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
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TypedDict

from pithstore.torture.suite import CASES

FIGURES = Path(__file__).parent / "figures.json"
AT_ONCE = 2
PARTS = 40
"""Into so many parts a case is divided: they take turns, so that time is shared."""

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


def main() -> int:
    """Run the cases; 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=55)
    parser.add_argument("--case", action="append")
    asked = parser.parse_args()
    figures: dict[str, Figures] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    end = time.monotonic() + 60 * asked.minutes
    turns = deque(
        (case.name, case.asked and max(1, case.asked // PARTS), PARTS if case.asked else 1)
        for case in CASES
        if not asked.case or case.name in asked.case
    )
    found = False
    with tempfile.TemporaryDirectory(prefix="torture-") as room, ThreadPoolExecutor(AT_ONCE) as pool:
        running: dict[Future[Figures], tuple[str, int | None, int]] = {}
        while turns or running:
            while turns and len(running) < AT_ONCE and time.monotonic() < end:
                name, trials, left = turns.popleft()
                first = figures[name]["next"] if name in figures and trials else 0
                running[pool.submit(one_part, name, first, trials or 1_000_000, room)] = name, trials, left
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                name, trials, left = running.pop(future)
                part = future.result()
                empty = Figures(trials=0, findings=[], next=0, skipped=None)
                figures[name] = added(figures.get(name, empty), part)
                found = found or bool(part["findings"])
                FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
                print(
                    f"{name}: {figures[name]['trials']:,} trials, {part['findings'] or 'nothing found'}",
                    flush=True,
                )
                if left > 1 and not part["skipped"] and not part["findings"]:
                    turns.append((name, trials, left - 1))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
