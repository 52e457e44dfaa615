"""The measurements as text, with their ratios to C and to the peers."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple, TypeAlias

from ceilings import Ceilings
from inputs import Input

Row: TypeAlias = dict[str, float]
"""What was measured of one contender in one form; what does not apply is left out."""

PACKAGES = ("pithstore", "lmdb", "blake3", "orjson", "zstandard", "rocksdict", "pygit2")
OURS, PLAIN, LIBRARY, AGGRESSIVE = "pithstore", "plain LMDB", "git, gc, by pygit2", "git, gc --aggressive"


class Measured(NamedTuple):
    """All of one input."""

    given: Input
    ceilings: Ceilings
    rows: dict[str, Row]


class Claim(NamedTuple):
    """A ratio that was asked for, what it should be at least (or at most), and what is aimed at."""

    quantity: str
    ratio: float
    needed: float
    aim: float

    @property
    def holds(self) -> bool:
        more_is_better = self.aim > self.needed
        return self.ratio >= self.needed if more_is_better else self.ratio <= self.needed


def machine(room: Path) -> dict[str, object]:
    """Where and with what it was measured."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    kind = subprocess.run(["stat", "-f", "-c", "%T", str(room)], capture_output=True, text=True, check=True)
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True)
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{models[0].split(': ')[1] if models else platform.machine()}, {os.cpu_count()} cores",
        "load": f"{os.getloadavg()[0]:.1f} at the start; a busy machine tells little",
        "system": f"Linux {platform.release()}, {kind.stdout.strip()}",
        "versions": {
            "python": platform.python_version(),
            "git": git.stdout.split()[-1],
            "sqlite": sqlite3.sqlite_version,
            **{name: found for name in PACKAGES if (found := _version(name))},
        },
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def ceiling(measured: Measured) -> float:
    """C, in seconds."""
    return measured.ceilings["steps"][-1]["seconds"]


def claims(measured: Measured) -> list[Claim]:
    """What the input lets one say; packed is the smallest form of pithstore that was measured."""
    rows, typical = measured.rows, measured.given.name.startswith("typical")
    ours = rows.get(OURS)
    if ours is None:
        return []
    packed = rows[[name for name in rows if name.split(",")[0] == OURS][-1]]
    needed, aim = (0.65, 0.85) if typical else (0.35, 0.60)
    found = [Claim("first ingest ÷ C", ceiling(measured) / ours["put_seconds"], needed, aim)]
    if "pack_seconds" in packed:
        whole = packed["put_seconds"] + packed["pack_seconds"]
        found.append(Claim("the same with compaction ÷ C", ceiling(measured) / whole, 0.42, 0.60))
    if "git" in rows:
        found.append(Claim("ingest ÷ git fast-import", rows["git"]["put_seconds"] / ours["put_seconds"], 3, 5))
        fsck = rows[AGGRESSIVE]["verify_seconds"]
        found.append(Claim("full verify ÷ git fsck", fsck / packed["verify_seconds"], 3, 6))
        needed, aim = (0.60, 0.50) if typical else (0.80, 0.55)
        found.append(
            Claim(
                "bytes a version ÷ git gc --aggressive", packed["bytes"] / rows[AGGRESSIVE]["bytes"], needed, aim
            )
        )
        if "pack_seconds" in packed:
            spent = packed["pack_seconds"] / rows[AGGRESSIVE]["pack_seconds"]
            found.append(Claim("compaction time ÷ git gc --aggressive", spent, 0.1, 0.01))
    if PLAIN in rows:
        found.append(Claim("get p50 ÷ plain LMDB", packed["get_p50_us"] / rows[PLAIN]["get_p50_us"], 2.2, 1.5))
    if LIBRARY in rows:
        found.append(Claim("get p50 ÷ pygit2", packed["get_p50_us"] / rows[LIBRARY]["get_p50_us"], 0.25, 0.15))
    scan = measured.ceilings["scan_seconds"]
    found.append(Claim("full verify ÷ scan with SHA-256", scan / packed["verify_seconds"], 0.35, 0.60))
    found.append(
        Claim("re-crawl ÷ first ingest of its lines", ours["first_seconds"] / ours["again_seconds"], 5, 10)
    )
    return found


def as_json(measured: Measured) -> dict[str, object]:
    given, total = measured.given, ceiling(measured)
    return {
        "input": given.name,
        "records": given.records,
        "bytes": given.size,
        "sources": given.sources,
        "versions": given.versions,
        "newest": given.newest,
        "ceilings": measured.ceilings,
        "stores": [
            {
                "store": name,
                **row,
                **ratios(measured, row),
                "c_seconds": total,
            }
            for name, row in measured.rows.items()
        ],
        "claims": [{**claim._asdict(), "holds": claim.holds} for claim in claims(measured)],
    }


def ratios(measured: Measured, row: Row) -> Row:
    """Against C, the plain store, git at its smallest, and the scan; the higher the better only for C and scan."""
    found: Row = {}
    plain, small = measured.rows.get(PLAIN, {}), measured.rows.get(AGGRESSIVE, {})
    if "put_seconds" in row:
        found["put_by_c"] = ceiling(measured) / (row["put_seconds"] + row.get("pack_seconds", 0))
    if "get_p50_us" in row and "get_p50_us" in plain:
        found["get_by_plain"] = row["get_p50_us"] / plain["get_p50_us"]
    if "bytes" in row and "bytes" in small:
        found["bytes_by_git"] = row["bytes"] / small["bytes"]
    if "verify_seconds" in row:
        found["verify_by_scan"] = measured.ceilings["scan_seconds"] / row["verify_seconds"]
    return found


class Column(NamedTuple):
    title: str
    width: int
    digits: int
    value: Callable[[Row], float]


def columns(measured: Measured) -> list[Column]:
    given, unique = measured.given, measured.ceilings["unique_bytes"]

    def put_seconds(row: Row) -> float:
        return row["put_seconds"] + row.get("pack_seconds", 0)

    def ratio(name: str) -> Callable[[Row], float]:
        return lambda row: ratios(measured, row)[name]

    return [
        Column("rec/s", 8, 0, lambda row: given.records / put_seconds(row)),
        Column("MB/s", 7, 1, lambda row: given.size / 1e6 / put_seconds(row)),
        Column("÷C", 6, 2, ratio("put_by_c")),
        Column("pack s", 8, 2, lambda row: row["pack_seconds"]),
        Column("B/vers", 8, 0, lambda row: row["bytes"] / given.versions),
        Column("÷git", 6, 2, ratio("bytes_by_git")),
        Column("get µs", 8, 1, lambda row: row["get_p50_us"]),
        Column("p99", 8, 1, lambda row: row["get_p99_us"]),
        Column("÷plain", 7, 2, ratio("get_by_plain")),
        Column("hist ms", 8, 2, lambda row: row["history_ms"]),
        Column("vfy MB/s", 9, 0, lambda row: unique / 1e6 / row["verify_seconds"]),
        Column("÷scan", 7, 3, ratio("verify_by_scan")),
        Column("again/s", 9, 0, lambda row: given.newest / row["again_seconds"]),
        Column("×first", 7, 1, lambda row: row["first_seconds"] / row["again_seconds"]),
        Column("put MB", 7, 0, lambda row: row["put_megabytes"]),
        Column("vfy MB", 7, 0, lambda row: row["verify_megabytes"]),
    ]


def print_tables(measured: Measured) -> None:
    given = measured.given
    print(
        f"\n== {given.name}: {given.records:,} records, {given.size / 1e6:.1f} MB, {given.sources:,} sources,"
        f" {given.versions:,} versions, {measured.ceilings['unique_bytes'] / 1e6:.1f} MB unique"
    )
    print_ceilings(measured)
    shown = columns(measured)
    print(f"\n{'store':<36}" + "".join(f"{column.title:>{column.width}}" for column in shown))
    for name, row in measured.rows.items():
        print(f"{name:<36}" + "".join(cell(column, row) for column in shown))
    if "git" in measured.rows:
        print("git answers a get by cat-file, which does not hash what it reads; pygit2 and all others do.")
    print(f"\n{'claim':<42}{'ratio':>8}{'needed':>8}{'aim':>8}")
    for claim in claims(measured):
        verdict = "" if claim.holds else "  missed"
        print(f"{claim.quantity:<42}{claim.ratio:>8.3f}{claim.needed:>8}{claim.aim:>8}{verdict}")


def cell(column: Column, row: Row) -> str:
    try:
        return f"{column.value(row):>{column.width}.{column.digits}f}"
    except KeyError:  # this was not asked of this form
        return f"{'·':>{column.width}}"


def print_ceilings(measured: Measured) -> None:
    given, found = measured.given, measured.ceilings
    print(f"{'ceiling in one process':<36}{'s':>8}{'rec/s':>10}{'MB/s':>8}{'÷C':>7}")
    for step in found["steps"]:
        spent = step["seconds"]
        rates = f"{given.records / spent:>10.0f}{given.size / 1e6 / spent:>8.1f}{ceiling(measured) / spent:>7.2f}"
        print(f"{step['step']:<36}{spent:>8.3f}{rates}")
    scan = found["unique_bytes"] / 1e6 / found["scan_seconds"]
    print(
        f"raw LMDB get of a section: {found['raw_get_p50_us']:.2f} µs, p99 {found['raw_get_p99_us']:.2f};"
        f" LMDB scan with SHA-256: {scan:.0f} MB/s"
    )
