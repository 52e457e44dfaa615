"""A run as one could have measured it, with round numbers."""

from __future__ import annotations

from claims import FAMILIES
from outcome import AGGRESSIVE, COMPACT, GIT, LIBRARY, OURS, PLAIN, TWO, Outcome, Row
from report import Ingest, Results
from scale import Outcome as Case

OF_OURS: Row = {
    "put_seconds": 2.0,
    "first_seconds": 1.0,
    "again_seconds": 0.1,
    "bytes": 3000,
    "get_p50_us": 40,
    "get_p99_us": 90,
    "history_ms": 1,
    "verify_seconds": 0.8,
    "put_megabytes": 50,
    "verify_megabytes": 20,
}
STORES: dict[str, Row] = {
    OURS: OF_OURS,
    COMPACT: OF_OURS | {"pack_seconds": 1.0, "pack_megabytes": 60, "bytes": 600, "verify_seconds": 0.4},
    TWO: OF_OURS | {"put_seconds": 1.25},
    PLAIN: OF_OURS | {"put_seconds": 4.0, "get_p50_us": 20, "bytes": 5000},
    GIT: OF_OURS | {"put_seconds": 8.0, "verify_seconds": 2.0},
    LIBRARY: {"get_p50_us": 200, "get_p99_us": 400, "history_ms": 10},
    AGGRESSIVE: OF_OURS | {"put_seconds": 8.0, "pack_seconds": 50.0, "bytes": 1000, "verify_seconds": 1.6},
}


def outcome(name: str) -> Outcome:
    return {
        "input": name,
        "records": 100,
        "bytes": 200_000,
        "sources": 10,
        "versions": 90,
        "newest": 10,
        "ceilings": {
            "steps": [{"step": "read", "seconds": 0.01}, {"step": "C", "seconds": 1.4}],
            "unique_bytes": 100_000,
            "unique_sections": 300,
            "raw_get_p50_us": 1.0,
            "raw_get_p99_us": 2.0,
            "scan_seconds": 0.2,
        },
        "stores": {store: dict(row) for store, row in STORES.items()},
    }


def case() -> Case:
    form: Row = {
        "bytes": 1_000_000,
        "stored": 1000,
        "get_p50_us": 50,
        "get_p99_us": 80,
        "history_ms": 2,
        "verify_seconds": 2,
        "verify_megabytes": 310,
        "put_small": 5000,
        "put_large": 4000,
        "put_ratio": 1.25,
        "get_small_us": 50,
        "get_large_us": 55,
        "get_ratio": 1.1,
    }
    put: Row = {"records": 1000, "bytes": 3e6, "put_seconds": 2, "put_megabytes": 100, "rate_20000": 600}
    forms = {"as it was put": form, "compacted": form | {"compact_seconds": 3, "compact_megabytes": 120}}
    return {"name": "very many versions", "sources": 100, "versions": 10, "put": put, "forms": forms}


def run() -> Ingest:
    return {
        "date": "2026-01-01 00:00 UTC",
        "machine": "one",
        "load": "0",
        "system": "Linux",
        "versions": "Python 3",
        "command": "python benchmarks/ingest.py",
        "rounds": 3,
        "inputs": [outcome(f"{name}:5" if name == "typical" else name) for name in FAMILIES],
    }


def results() -> Results:
    ingest = run()
    return {
        "ingest": ingest,
        "scale": {
            "date": ingest["date"],
            "machine": ingest["machine"],
            "load": ingest["load"],
            "system": ingest["system"],
            "versions": ingest["versions"],
            "command": "python benchmarks/scale.py --full",
            "cases": [case()],
        },
        "startup": {
            "runs": 3,
            "python_ms": 10.0,
            "commands": [
                {"command": "pithstore --help", "ms": 50.0, "ratio": 5.0, "limit": 6},
                {"command": "pithstore get", "ms": 90.0, "ratio": 9.0, "limit": 8},
            ],
        },
    }
