"""Time of a diff of neighbouring versions that differ, against jsonpatch.make_patch and deepdiff.DeepDiff.

All take the same values, as a store gives them, and give a list of changes.  They take turns, so that a machine
that slows down slows all of them down.  The records are those of PITHSTORE_CORPORA where it is set, else the
examples and edits of one.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random
from typing import TypeAlias

import jsonpatch
from deepdiff import DeepDiff

from pithstore.canonical import canonical, decode
from pithstore.diff.values import diff
from pithstore.pointer import Json
from pithstore.profile import PITH

EXAMPLES = Path(__file__).parents[1] / "examples"
CORPORA = ("ror", "vulndb", "eol")
PAIRS, ROUNDS = 300, 5
LIMITS = {"jsonpatch": 3, "deepdiff": 20}
"""How many times as long as ours each takes at least."""

Pair: TypeAlias = tuple[Json, Json]


def from_bytes(old: bytes, new: bytes) -> object:
    return list(diff(decode(old), decode(new), keys=PITH.list_keys))


CALLS: dict[str, Callable[[Json, Json], object]] = {
    "pithstore": lambda old, new: list(diff(old, new, keys=PITH.list_keys)),
    "jsonpatch": lambda old, new: list(jsonpatch.make_patch(old, new)),
    "deepdiff": lambda old, new: list(DeepDiff(old, new).items()),
}


def neighbours(lines: Iterable[bytes]) -> Iterator[Pair]:
    """Each record that differs from the one before it of the same source, with that one."""
    last: dict[str, bytes] = {}
    for line in lines:
        record = json.loads(line)
        source = f"{record['source']['kind']}:{record['source']['id']}"
        text = canonical(record)
        before = last.get(source, text)
        if before != text:
            yield decode(before), decode(text)
        last[source] = text


def edited(record: Json, count: int) -> Iterator[Pair]:
    """The record, each time with one made of it by a few edits."""
    random = Random(6902)
    for number in range(count):
        other = decode(canonical(record))
        for _ in range(random.randrange(1, 5)):
            edit(random, random.choice(list(containers(other))), number)
        yield decode(canonical(record)), decode(canonical(other))


def containers(value: Json) -> Iterator[dict[str, Json] | list[Json]]:
    """All objects and lists in a value."""
    if isinstance(value, dict | list):
        yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from containers(item)


def edit(random: Random, value: dict[str, Json] | list[Json], number: int) -> None:
    """One member set, or one element of a list put in, taken away or moved."""
    if isinstance(value, dict):
        value[random.choice([*value, "new"])] = number
    elif value and random.random() < 0.7:
        item = value.pop(random.randrange(len(value)))
        if random.random() < 0.5:
            value.insert(random.randrange(len(value) + 1), item)
    else:
        value.insert(random.randrange(len(value) + 1), {"number": number})


def load(pairs: int) -> dict[str, list[Pair]]:
    """At most so many pairs of each family of records, from all over it."""
    folder = os.environ.get("PITHSTORE_CORPORA")
    if folder is None:
        seed = json.loads((EXAMPLES / "pith-2606.09475.json").read_bytes())
        lines = (EXAMPLES / "ror-005k7hp45.jsonl").read_bytes().splitlines()
        return {"examples": list(neighbours(lines)), "edits of one": list(edited(seed, pairs))}
    families = {}
    for name in CORPORA:
        with gzip.open(Path(folder) / f"{name}.jsonl.gz") as file:
            found = list(neighbours(file))
        families[name] = found[:: max(1, len(found) // pairs)][:pairs]
    return families


def medians(pairs: list[Pair], rounds: int) -> dict[str, float]:
    """Microseconds of one diff, for each of those that were asked; of all rounds the median."""
    texts = [(canonical(old), canonical(new)) for old, new in pairs]
    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, call in CALLS.items():
            start = time.process_time()
            for old, new in pairs:
                call(old, new)
            times.setdefault(name, []).append(time.process_time() - start)
        start = time.process_time()
        for before, after in texts:
            from_bytes(before, after)
        times.setdefault("from bytes", []).append(time.process_time() - start)
    return {name: statistics.median(seconds) / len(pairs) * 1e6 for name, seconds in times.items()}


def measure(pairs: int, rounds: int) -> dict[str, object]:
    families = []
    totals = dict.fromkeys([*CALLS, "from bytes"], 0.0)
    for name, found in load(pairs).items():
        times = medians(found, rounds)
        families.append({"records": name, "pairs": len(found), **shown(times)})
        totals = {name: total + times[name] * len(found) for name, total in totals.items()}
    count = sum(entry["pairs"] for entry in families if isinstance(entry["pairs"], int))
    whole = {"records": "all", "pairs": count, **shown({name: total / count for name, total in totals.items()})}
    return {"rounds": rounds, "limits": LIMITS, "families": [*families, whole]}


def shown(times: dict[str, float]) -> dict[str, object]:
    return {
        "us": {name: round(time, 1) for name, time in times.items()},
        "ratios": {name: round(times[name] / times["pithstore"], 1) for name in LIMITS},
    }


def print_table(measured: dict[str, object]) -> None:
    print(f"microseconds for one diff, median of {measured['rounds']} rounds; ratio: as many times as pithstore")
    print(f"{'records':<14}{'pairs':>6}{'pithstore':>11}{'from bytes':>12}", end="")
    print(*(f"{name:>11}{'ratio':>8}{'limit':>7}" for name in LIMITS), sep="")
    families = measured["families"]
    assert isinstance(families, list)
    for entry in families:
        us, ratios = entry["us"], entry["ratios"]
        print(f"{entry['records']:<14}{entry['pairs']:>6}{us['pithstore']:>11}{us['from bytes']:>12}", end="")
        print(*(f"{us[name]:>11}{ratios[name]:>8}{limit:>7}" for name, limit in LIMITS.items()), sep="", end="")
        print("" if all(ratios[name] >= limit for name, limit in LIMITS.items()) else "  under")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--pairs", type=int, default=PAIRS, help=f"pairs of each family (default {PAIRS})")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"rounds over the pairs (default {ROUNDS})")
    given = parser.parse_args()
    measured = measure(given.pairs, given.rounds)
    if given.json:
        print(json.dumps(measured))
    else:
        print_table(measured)


if __name__ == "__main__":
    main()
