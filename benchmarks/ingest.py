"""The job side by side: put records, get old versions, list a history, verify, put again; size and memory.

All contenders get the same files of records: generated ones and, where PITHSTORE_CORPORA is set, the first lines
of corpora.  Each question is asked in a process of its own, and the answers are checked.  C is the ceiling: what
one Python process needs to read, parse, hash and dedupe the lines and to write the unique bytes once, durably.

A ratio counts, a number does not.  `bytes` are those allocated on disk; `again` puts the newest record of every
source and builder once more; `first` puts the same lines into an empty store.  In a packed form the time of
packing counts as time of the ingest.  Memory is RssAnon of the process and of those that it started, at its
highest.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import inputs
from ceilings import Ceilings
from claims import claims, claims_table
from inputs import Input
from machine import machine
from measured import ENTRIES, READERS, Entry, installed, kind_of
from outcome import Outcome, Row, ceilings_table, engine_words, figures, heading, stores_table
from process_memory import run

SLOW = ("git",)  # asked once, whatever the rounds


def ask(action: str, name: str, given: Input, folder: Path) -> tuple[str, float]:
    """What a child printed, and the most megabytes that it and its children held for themselves."""
    script = str(Path(__file__).with_name("measured.py"))
    return run([sys.executable, script, action, name, given.folder, str(folder)])


def question(action: str, name: str, given: Input, folder: Path, memory: str | None = None) -> Row:
    """The answer of a contender, with its memory under that name where it is a matter of interest."""
    text, megabytes = ask(action, name, given, folder)
    found: Row = json.loads(text)
    return found if memory is None else {**found, memory: megabytes}


def allocated(folder: Path) -> int:
    """Bytes that the files in a folder take on disk."""
    return sum(path.lstat().st_blocks * 512 for path in [folder, *folder.rglob("*")])


def round_of(name: str, entry: Entry, given: Input, room: Path) -> Iterator[tuple[str, Row]]:
    """All that is asked of a contender, for each form that it has."""
    folder, fresh = room / "store", room / "fresh"
    folder.mkdir(parents=True)
    fresh.mkdir()
    start = question("put", name, given, folder, "put_megabytes") | question("first", name, given, fresh)
    yield name, start | looked_at(name, given, folder)
    for how in kind_of(name).packs:
        packed = start | question(how, name, given, folder, "pack_megabytes")
        yield f"{name}, {how}", packed | looked_at(name, given, folder)
        for reader in entry.readers:
            if installed(READERS[reader]):
                yield f"{name}, {how}, by {reader}", question("read", reader, given, folder)


def looked_at(name: str, given: Input, folder: Path) -> Row:
    """Size and speed of a store as it lies there."""
    found: Row = {"bytes": allocated(folder)}
    found |= question("read", name, given, folder) | question("verify", name, given, folder, "verify_megabytes")
    return found | question("again", name, given, folder)


def medians(rounds: list[Row]) -> Row:
    return {name: statistics.median(row[name] for row in rounds) for name in rounds[0]}


def measure(given: Input, names: list[str], rounds: int, room: Path) -> Outcome:
    """The contenders take turns, so that a machine that slows down slows all of them down."""
    found: dict[str, list[Row]] = {}
    ceilings: list[Ceilings] = []
    for number in range(rounds):
        ceilings.append(json.loads(ask("ceilings", "-", given, room / "ceilings")[0]))
        shutil.rmtree(room / "ceilings")
        for name in names:
            if number and name in SLOW:
                continue
            print(f"{given.name}, round {number + 1} of {rounds}: {name}", file=sys.stderr, flush=True)
            for form, row in round_of(name, ENTRIES[name], given, room / "round"):
                found.setdefault(form, []).append(row)
            shutil.rmtree(room / "round")
    return {
        "input": given.name,
        "records": given.records,
        "bytes": given.size,
        "sources": given.sources,
        "versions": given.versions,
        "newest": given.newest,
        "ceilings": middle(ceilings),
        "stores": {form: medians(rows) for form, rows in found.items()},
    }


def middle(found: list[Ceilings]) -> Ceilings:
    """Of each number the median of the rounds."""
    return {
        "steps": [
            {"step": same[0]["step"], "seconds": statistics.median(step["seconds"] for step in same)}
            for same in zip(*(one["steps"] for one in found), strict=True)
        ],
        "unique_bytes": found[0]["unique_bytes"],
        "unique_sections": found[0]["unique_sections"],
        "raw_get_p50_us": statistics.median(one["raw_get_p50_us"] for one in found),
        "raw_get_p99_us": statistics.median(one["raw_get_p99_us"] for one in found),
        "scan_seconds": statistics.median(one["scan_seconds"] for one in found),
    }


def print_outcome(outcome: Outcome) -> None:
    print(f"\n== {heading(outcome)}\n{ceilings_table(outcome).text()}\n{engine_words(outcome)}")
    print(f"\n{stores_table(outcome).text()}")
    if "git" in outcome["stores"]:
        print("git answers a get by cat-file, which does not hash what it reads; pygit2 and all others do.")
    if asked := claims(outcome):
        print(f"\n{claims_table(asked).text()}")


def as_json(outcome: Outcome) -> dict[str, object]:
    judged = [{**claim._asdict(), "verdict": claim.verdict} for claim in claims(outcome)]
    return {**outcome, "figures": figures(outcome), "claims": judged}


def make_inputs(given: argparse.Namespace, room: Path) -> Iterator[Input]:
    for text in given.generated:
        yield inputs.make(text, inputs.generated(text), room / text)
    folder = os.environ.get("PITHSTORE_CORPORA")
    for text in given.corpus:
        name, _, count = text.partition(":")
        if folder is None:
            print(f"skipped {text}: PITHSTORE_CORPORA is not set", file=sys.stderr)
            continue
        lines = inputs.corpus(Path(folder) / f"{name}.jsonl.gz", int(count) if count else None)
        yield inputs.make(text, lines, room / text)


def present(wanted: list[str]) -> list[str]:
    for name in wanted:
        if not installed(ENTRIES[name]):
            print(f"skipped {name}: {ENTRIES[name].package} is not installed", file=sys.stderr)
    for name, entry in READERS.items():
        if not installed(entry):
            print(f"skipped reading by {name}: it is not installed", file=sys.stderr)
    return [name for name in wanted if installed(ENTRIES[name])]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rounds", type=int, default=1, help="rounds, of which the medians count (default 1)")
    parser.add_argument(
        "--generated",
        nargs="*",
        default=["typical:100x10"],
        help="PROFILE:SOURCESxVERSIONS …, of the profiles typical and small",
    )
    parser.add_argument("--corpus", nargs="*", default=[], help="NAME:LINES or NAME …, of PITHSTORE_CORPORA")
    parser.add_argument("--only", nargs="*", choices=list(ENTRIES), default=list(ENTRIES), help="contenders")
    parser.add_argument("--room", help="a folder on the disk that is meant (default: that of temporary files)")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    names = present(given.only)
    with tempfile.TemporaryDirectory(dir=given.room) as room:
        where = machine(Path(room))
        if not given.json:
            print(*(f"{name}: {value}" for name, value in where.items()), sep="\n")
        outcomes = []
        for one in make_inputs(given, Path(room)):
            outcomes.append(measure(one, names, given.rounds, Path(room) / "work"))
            if not given.json:
                print_outcome(outcomes[-1])
            shutil.rmtree(one.folder)
    if given.json:
        found = [as_json(outcome) for outcome in outcomes]
        print(json.dumps({**where, "rounds": given.rounds, "inputs": found}, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
