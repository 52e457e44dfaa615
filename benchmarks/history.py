"""Time of questions about the history of one source, against a plain loop of `get` over the same versions.

All questions take turns with the loop, so that a machine that slows down slows all of them down.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import groupby, pairwise
from pathlib import Path
from typing import TypedDict

from generated import Record, history

import pithstore

VERSIONS, ROUNDS = 1000, 5
PAPERS = 50  # versions in which the section of the paper changed
NEIGHBOURS = 100  # pairs of versions that are compared


class Row(TypedDict):
    question: str
    ms: float
    ratio: float
    limit: float


def versions(count: int) -> list[Record]:
    """The history of one source, in which the paper changed in `PAPERS` versions and its licence never."""
    records = [dict(record) for record, _ in groupby(history(1, 2 * count))][:count]
    paper = records[0]["paper"]
    assert isinstance(paper, dict)
    for i, record in enumerate(records):
        record["paper"] = paper = {**paper, "title": f"title {i * PAPERS // count}"}
    return records


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def medians(calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The median time of each call; they take turns, and the first round only warms the file cache."""
    rounds = [{name: seconds(call) for name, call in calls.items()} for _ in range(ROUNDS + 1)]
    return {name: statistics.median(times[name] for times in rounds[1:]) for name in calls}


def measure(count: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as room, pithstore.open(Path(room) / "one.pith", create=True) as store:
        stored = store.put_many(dict(record) for record in versions(count)).versions
        (source,) = store.sources()
        refs = [f"{source}@{number}" for number in range(1, stored + 1)]
        pairs = list(pairwise(refs))[:: max(1, stored // NEIGHBOURS)]
        times = medians(
            {
                "get": lambda: [store.get(ref) for ref in refs],
                "blame": lambda: store.blame(f"{source}#paper/license"),
                "log": lambda: list(store.log(source)),
                "matrix": lambda: store.matrix(source),
                "diff": lambda: [store.diff(before, after) for before, after in pairs],
                "get of as many": lambda: [store.get(after) for _, after in pairs],
            }
        )
    rows: list[Row] = [
        row("blame of one value", times["blame"], times["get"], 0.3),
        row("log", times["log"], times["get"], 0.2),
        row("matrix", times["matrix"], times["get"], 0.2),
        row("diff of neighbours ÷ one get", times["diff"], times["get of as many"], 3),
    ]
    return {"versions": stored, "get_ms": round(times["get"] * 1000, 2), "rows": rows}


def row(question: str, spent: float, against: float, limit: float) -> Row:
    return {"question": question, "ms": round(spent * 1000, 2), "ratio": round(spent / against, 3), "limit": limit}


def print_table(measured: dict[str, object]) -> None:
    print(f"one source of {measured['versions']} versions; a loop of get over them: {measured['get_ms']} ms")
    print(f"{'question':<32}{'ms':>9}{'ratio':>8}{'limit':>7}")
    rows = measured["rows"]
    assert isinstance(rows, list)
    for entry in rows:
        verdict = "" if entry["ratio"] <= entry["limit"] else "  over"
        print(f"{entry['question']:<32}{entry['ms']:>9}{entry['ratio']:>8}{entry['limit']:>7}{verdict}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--versions", type=int, default=VERSIONS, help=f"versions (default {VERSIONS})")
    given = parser.parse_args()
    measured = measure(given.versions)
    if given.json:
        print(json.dumps(measured))
    else:
        print_table(measured)


if __name__ == "__main__":
    main()
