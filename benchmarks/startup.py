"""CPU time from start to end of `pithstore --help` and `pithstore get`, against that of `python -c pass`.

The runs of the three commands take turns, so that a machine that slows down slows all of them down.  Modules are
compiled once, as an installation does it, whatever the environment says of bytecode.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SEED = Path(__file__).parents[1] / "examples" / "pith-2606.09475.json"
SCRIPT = str(Path(sys.executable).with_name("pithstore"))
REF = "arxiv:2606.09475"
RUNS = 25
HELP_LIMIT, GET_LIMIT = 6, 8


def cpu_seconds(command: list[str], bytecode: str) -> float:
    """User and system time of one run, with the bytecode that lies in that directory."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = {**own, "PYTHONPYCACHEPREFIX": bytecode}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def medians(commands: list[list[str]], runs: int, bytecode: str) -> list[float]:
    """The median CPU time of each command; the first run of each only compiles and warms the file cache."""
    rounds = [[cpu_seconds(command, bytecode) for command in commands] for _ in range(runs + 1)]
    return [statistics.median(times) for times in zip(*rounds[1:], strict=True)]


def measure(runs: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as room:
        store = f"{room}/small.pith"
        for arguments in (["init"], ["put", str(SEED)]):
            subprocess.run([SCRIPT, "--store", store, *arguments], check=True, stdout=subprocess.DEVNULL)
        shown = {f"pithstore get {REF}": ["--store", store, "get", REF], "pithstore --help": ["--help"]}
        names = ["pithstore --help", f"pithstore get {REF}"]
        commands = [[sys.executable, "-c", "pass"], *([SCRIPT, *shown[name]] for name in names)]
        base, *times = medians(commands, runs, f"{room}/bytecode")
    limits = (HELP_LIMIT, GET_LIMIT)
    return {
        "runs": runs,
        "python_ms": round(base * 1000, 2),
        "commands": [
            {"command": name, "ms": round(time * 1000, 2), "ratio": round(time / base, 2), "limit": limit}
            for name, time, limit in zip(names, times, limits, strict=True)
        ],
    }


def print_table(measured: dict[str, object]) -> None:
    print(f"median CPU time of {measured['runs']} runs; python -c pass: {measured['python_ms']} ms")
    print(f"{'command':<32}{'ms':>8}{'ratio':>8}{'limit':>8}")
    commands = measured["commands"]
    assert isinstance(commands, list)
    for entry in commands:
        verdict = "" if entry["ratio"] <= entry["limit"] else "  over"
        print(f"{entry['command']:<32}{entry['ms']:>8}{entry['ratio']:>8}{entry['limit']:>8}{verdict}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"runs of each command (default {RUNS})")
    given = parser.parse_args()
    measured = measure(given.runs)
    if given.json:
        print(json.dumps(measured))
    else:
        print_table(measured)


if __name__ == "__main__":
    main()
