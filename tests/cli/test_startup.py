"""What a command imports before it does anything: start-up time is spent there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import ARXIV, SEED, Pithstore, environment

PROGRAM = """
import sys
from pithstore.cli.commands import run
code = run(sys.argv[1:])
print(" ".join(sorted(sys.modules)), file=sys.stderr)
sys.exit(code)
"""

SLOW = {
    "cattrs",
    "concurrent.futures",
    "msgspec",
    "multiprocessing",
    "orjson",
    "pyarrow",
    "pithstore.compaction",
    "zstandard",
}
"""What costs milliseconds, and is only for a put, a compaction or a packed store."""


def imported(*arguments: str | Path) -> set[str]:
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60, env=environment())
    return set(done.stderr.decode().split())


def test_help_imports_no_engine_and_no_values() -> None:
    for arguments in (("--help",), ("--version",)):
        names = imported(*arguments)
        assert "click" in names
        assert not names & {"lmdb", "blake3", "attrs", "attr", "hashlib", "json", *SLOW}
        assert {name for name in names if name.startswith("pithstore.")} <= {
            "pithstore.cli",
            "pithstore.cli.commands",
            "pithstore.cli.escape",
            "pithstore.cli.options",
            "pithstore.cli.output",
            "pithstore.cli.say",
            "pithstore.errors",
            "pithstore.rendering",
            "pithstore.rendering.legible",
        }


def test_the_help_of_a_command_imports_no_engine() -> None:
    for command in ("put", "get", "verify"):
        assert not imported(command, "--help") & {"lmdb", "blake3", "pithstore.store", *SLOW}


def test_get_imports_only_what_reading_needs(pithstore: Pithstore, store: Path) -> None:
    pithstore("put", SEED)
    names = imported("--store", store, "get", ARXIV)
    assert "lmdb" in names
    assert not names & {"decimal", "pathlib", "difflib", "tempfile", "subprocess", *SLOW}
    unneeded = ("ingest", "verify", "parse", "profile", "select", "selectors", "totals", "wire", "diff")
    assert not names & {f"pithstore.{name}" for name in unneeded}


def test_hash_and_check_import_no_engine() -> None:
    for command in ("hash", "check"):
        names = imported(command, SEED)
        assert not names & {"lmdb", "pithstore.store", *SLOW - {"msgspec", "orjson"}}


def test_the_benchmark_prints_both_ratios_with_their_limits() -> None:
    script = Path(__file__).parents[2] / "benchmarks" / "startup.py"
    command = [sys.executable, str(script), "--runs", "2"]
    table = subprocess.run(command, capture_output=True, check=True, timeout=60, env=environment()).stdout.decode()
    assert "pithstore --help" in table
    assert "pithstore get" in table
    printed = subprocess.run([*command, "--json"], capture_output=True, check=True, timeout=60, env=environment())
    measured = json.loads(printed.stdout)
    assert [entry["limit"] for entry in measured["commands"]] == [6, 8]
    assert all(entry["ratio"] > 1 for entry in measured["commands"])
