"""Time and memory of `pithstore builders A B` on a generated archive.

Each source has one version by A and one by B, of the same source version, in nine sections; in one pair of a
hundred B changed one section beside builder_version.  Memory is what the process holds for itself (RssAnon in
/proc), without the map of the file, which is the system's to keep or to drop.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from process_memory import private_kilobytes

import pithstore
from pithstore.arrivals import Arrival
from pithstore.pointer import Json

SCRIPT = str(Path(sys.executable).with_name("pithstore"))
SECTIONS = ("author_claims", "claims", "formal_canon", "integrity", "paper", "references", "verdict")
SOURCES, BATCH, ONE_IN = 20_000, 5_000, 100
FULL, SECONDS_LIMIT, MEGABYTES_LIMIT = 1_500_000, 60.0, 300.0


def record(serial: int, builder: str) -> dict[str, Json]:
    """The record of a source by A or B; bodies are from a small pool, so that the archive stays small."""
    made: dict[str, Json] = {
        name: {"value": (serial * 7 + k) % 1009, "text": f"{name} {(serial * 7 + k) % 1009}"}
        for k, name in enumerate(SECTIONS)
    }
    if builder == "B" and serial % ONE_IN == ONE_IN // 2:
        changed = SECTIONS[serial // ONE_IN % len(SECTIONS)]
        made[changed] = {"value": serial % 1009, "text": f"{changed} {serial % 13}", "score": serial % 10 / 10}
    return made | {"source": {"kind": "arxiv", "id": f"{serial:07d}", "version": 1}, "builder_version": builder}


def build(path: str, count: int) -> float:
    """Make the archive, all of A and then all of B; the seconds that it took."""
    start = time.perf_counter()
    with pithstore.open(path, create=True) as store:
        for builder in ("A", "B"):
            for first in range(0, count, BATCH):
                serials = range(first, min(first + BATCH, count))
                store.put_batch([Arrival(store.prepare(record(serial, builder))) for serial in serials])
    return time.perf_counter() - start


def run(arguments: list[str]) -> tuple[bytes, float, float]:
    """What a command printed, the seconds it took, and the most megabytes that it held for itself."""
    start, peak = time.perf_counter(), 0
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen([SCRIPT, *arguments], stdout=out)
        while process.poll() is None:
            peak = max(peak, private_kilobytes(process.pid))
            time.sleep(0.005)
        seconds = time.perf_counter() - start
        if process.returncode:
            raise SystemExit(f"{arguments} ended with {process.returncode}")
        out.seek(0)
        return out.read(), seconds, peak / 1024


def measure(store: str, count: int) -> dict[str, object]:
    listed, list_seconds, list_peak = run(["--store", store, "builders", "--json"])
    compared, seconds, peak = run(["--store", store, "builders", "A", "B", "--json"])
    check(listed, compared, count)
    rows = [("builders", list_seconds, list_peak), ("builders A B", seconds, peak)]
    return {
        "sources": count,
        "versions": 2 * count,
        "commands": [
            {"command": name, "seconds": round(spent, 2), "megabytes": round(most, 1)}
            for name, spent, most in rows
        ],
        "seconds_limit": SECONDS_LIMIT,
        "megabytes_limit": MEGABYTES_LIMIT,
    }


def check(listed: bytes, compared: bytes, count: int) -> None:
    """That the answers are what was generated."""
    versions = {line["builder_version"]: line["versions"] for line in map(json.loads, listed.splitlines())}
    changed = {line["section"]: line["changed"] for line in map(json.loads, compared.splitlines())}
    expected = dict.fromkeys((*SECTIONS, "source"), 0) | {"builder_version": count}
    for serial in range(ONE_IN // 2, count, ONE_IN):
        expected[SECTIONS[serial // ONE_IN % len(SECTIONS)]] += 1
    if versions != {"A": count, "B": count} or changed != expected:
        raise SystemExit(f"the answer is wrong: {versions}, {changed}")


def print_table(measured: dict[str, object]) -> None:
    print(f"{measured['sources']:,} sources, {measured['versions']:,} versions, nine sections")
    print(f"{'command':<20}{'seconds':>9}{'limit':>8}{'MB':>8}{'limit':>8}")
    commands = measured["commands"]
    assert isinstance(commands, list)
    for entry in commands:
        over = entry["seconds"] > SECONDS_LIMIT or entry["megabytes"] > MEGABYTES_LIMIT
        numbers = f"{entry['seconds']:>9}{SECONDS_LIMIT:>8}{entry['megabytes']:>8}{MEGABYTES_LIMIT:>8}"
        print(f"{entry['command']:<20}{numbers}{'  over' if over else ''}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--sources", type=int, default=SOURCES, help=f"how many (default {SOURCES}; the limits are for {FULL})"
    )
    parser.add_argument("--store", help="where the archive lies, or is made and kept; else it goes again")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as room:
        store = given.store or f"{room}/builders.pith"
        built = None if Path(store).exists() else round(build(store, given.sources), 1)
        measured = measure(store, given.sources) | {"build_seconds": built}
    if given.json:
        print(json.dumps(measured))
    else:
        print_table(measured)


if __name__ == "__main__":
    main()
