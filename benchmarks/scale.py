"""Big and deep archives: how fast a store is put, read, verified and compacted, and what memory that takes.

Five cases: one version a source, fifty a source, one source of very many versions, a section of 10 MB, and very
many versions in all.  The lines are streamed by a process of their own; the time of making them does not count.
In the last case a small store and the large one take turns at being put and read, so that a slow moment of the
machine slows both down: the drift is how many times as long the large one takes.

Memory is RssAnon of the process and of those that it started, at its highest: without the map of the file.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from typing import TypeAlias, TypedDict

import attrs
from claims import Claim, claims_table
from ingest import allocated
from large_store import MARKS, ROUND, ROUNDS
from machine import machine
from process_memory import run
from tables import Table, number

Row: TypeAlias = dict[str, float]

HERE = Path(__file__).parent
SMALL_SOURCES, SMALL_VERSIONS = 2000, 20_000  # of the store that the large one is compared with
MEGABYTES, DRIFT = 300, 1.15  # at most
DRIFT_COLUMNS = {
    "put_small": 0,
    "put_large": 0,
    "put_ratio": 2,
    "get_small_us": 1,
    "get_large_us": 1,
    "get_ratio": 2,
}


class Outcome(TypedDict):
    """A case, what putting it took, and a row for each form of the store: as it was put, and compacted."""

    name: str
    sources: int
    versions: int
    put: Row
    forms: dict[str, Row]


@attrs.frozen
class Case:
    """Sources with so many versions each, of a profile of `streamed`; `compared` with a small store, or not."""

    name: str
    profile: str
    sources: int
    versions: int
    compared: bool = False

    @property
    def added(self) -> int:
        """How many sources each of two stores gets more when they are compared, if they are."""
        return ROUNDS * ROUND // self.versions if self.compared else 0

    def stream(self, first: int, sources: int) -> list[str]:
        """The command that prints the lines of so many sources, from that serial on."""
        asked = {"first": first, "sources": sources, "versions": self.versions, "profile": self.profile}
        options = [word for name, value in asked.items() for word in (f"--{name}", str(value))]
        return [sys.executable, str(HERE / "streamed.py"), *options]


FULL = {
    "one": Case("1 version a source", "typical", 20_000, 1),
    "fifty": Case("50 versions a source", "typical", 400, 50),
    "deep": Case("one source", "small", 1, 20_000),
    "section": Case("a section of 10 MB", "large", 1, 8),
    "many": Case("very many versions", "small", 100_000, 10, compared=True),
}
QUICK = {
    "one": attrs.evolve(FULL["one"], sources=2000),
    "fifty": attrs.evolve(FULL["fifty"], sources=40),
    "deep": attrs.evolve(FULL["deep"], versions=2000),
    "section": attrs.evolve(FULL["section"], versions=4),
    "many": attrs.evolve(FULL["many"], sources=10_000),
}


def ask(action: str, *given: object, stream: list[str] | None = None) -> Row:
    """The answer of a child, with its memory as `ACTION_megabytes`."""
    print(f"  {action}", file=sys.stderr, flush=True)
    command = [sys.executable, str(HERE / "large_store.py"), action, *map(str, given)]
    if stream is None:
        text, megabytes = run(command)
    else:
        with subprocess.Popen(stream, stdout=subprocess.PIPE) as source:
            text, megabytes = run(command, source.stdout)
    found: Row = json.loads(text)
    return {**found, f"{action}_megabytes": megabytes}


def measure(case: Case, room: Path) -> Outcome:
    large, small = room / "large.pith", room / "small.pith"
    put = ask("put", large, stream=case.stream(0, case.sources))
    if case.compared:
        ask("put", small, stream=case.stream(0, SMALL_SOURCES))
    tail = looked_at(case, room, 0)
    packed = ask("compact", large)
    if case.compared:
        ask("compact", small)
    forms = {"as it was put": tail, "compacted": packed | looked_at(case, room, 1)}
    return {"name": case.name, "sources": case.sources, "versions": case.versions, "put": put, "forms": forms}


def looked_at(case: Case, room: Path, turns: int) -> Row:
    """What a store takes and how fast it is, and, where it is compared, that in turns, for which more are put.

    So many turns were taken before; their sources went half into one store and half into the other.
    """
    large, small = room / "large.pith", room / "small.pith"
    found: Row = {"bytes": allocated(large), "stored": (case.sources + turns * case.added) * case.versions}
    found |= ask("read", large, case.sources, case.versions) | ask("verify", large)
    if case.compared:
        lines = case.stream(case.sources + 2 * turns * case.added, 2 * case.added)
        found |= ask("drift", small, SMALL_SOURCES, large, case.sources, case.versions, stream=lines)
    return found


def claims(outcomes: list[Outcome]) -> list[Claim]:
    """The drift of the largest store, and the most memory of all cases."""
    return [*drift_claims(outcomes), *map(memory_claim, ("put", "verify", "compact"), repeat(outcomes))]


def drift_claims(outcomes: list[Outcome]) -> Iterator[Claim]:
    for outcome in outcomes:
        count = outcome["sources"] * outcome["versions"]
        for form, row in outcome["forms"].items():
            for name in ("put", "get"):
                if (got := row.get(f"{name}_ratio")) is not None:
                    what = f"time of a {name} at {count:,} versions ÷ at {SMALL_VERSIONS:,}"
                    yield Claim(what, form, DRIFT, None, got, more=False)


def memory_claim(action: str, outcomes: list[Outcome]) -> Claim:
    name = f"{action}_megabytes"
    most = {
        outcome["name"]: max(row.get(name, 0) for row in (outcome["put"], *outcome["forms"].values()))
        for outcome in outcomes
    }
    where = max(most, key=lambda case: most[case])
    return Claim(f"most memory of {action}, MB", where, MEGABYTES, None, most[where], more=False)


def tables(outcomes: list[Outcome]) -> list[Table]:
    """What each case took; the rate as the store grew; the drift."""
    compared = [outcome for outcome in outcomes if "put_ratio" in outcome["forms"]["compacted"]]
    return [cases_table(outcomes), *map(rates_table, compared), *map(drift_table, compared)]


def cases_table(outcomes: list[Outcome]) -> Table:
    head = ("case", "versions", "rec/s", "MB/s", "put MB", "compact s", "compact MB", "B/version", "get µs", "p99")
    rows = [case_row(outcome, form, row) for outcome in outcomes for form, row in outcome["forms"].items()]
    return Table((*head, "history ms", "verify/s", "verify MB"), rows)


def case_row(outcome: Outcome, form: str, row: Row) -> tuple[str, ...]:
    count = outcome["sources"] * outcome["versions"]
    put = rates(outcome["put"]) if form == "as it was put" else {}
    return (
        f"{outcome['name']}, {form}",
        f"{count:,}",
        number(put, "records"),
        number(put, "megabytes", 1),
        number(put, "put_megabytes"),
        number(row, "compact_seconds", 2),
        number(row, "compact_megabytes"),
        f"{row['bytes'] / row['stored']:,.0f}",
        number(row, "get_p50_us", 1),
        number(row, "get_p99_us", 1),
        number(row, "history_ms", 2),
        f"{row['stored'] / row['verify_seconds']:,.0f}",
        number(row, "verify_megabytes"),
    )


def rates(put: Row) -> Row:
    """Records and megabytes a second."""
    spent = put["put_seconds"]
    return {**put, "records": put["records"] / spent, "megabytes": put["bytes"] / 1e6 / spent}


def rates_table(outcome: Outcome) -> Table:
    marks = [mark for mark in MARKS if f"rate_{mark}" in outcome["put"]]
    row = ("rec/s of the last 20,000", *(number(outcome["put"], f"rate_{mark}") for mark in marks))
    return Table((f"{outcome['name']}, put up to", *(f"{mark:,}" for mark in marks)), [row])


def drift_table(outcome: Outcome) -> Table:
    large, small = f"at {outcome['sources'] * outcome['versions']:,}", f"at {SMALL_VERSIONS:,}"
    rows = [
        (form, *(number(row, name, digits) for name, digits in DRIFT_COLUMNS.items()))
        for form, row in outcome["forms"].items()
    ]
    return Table(("in turns", f"put rec/s {small}", large, "time", f"get µs {small}", large, "time"), rows)


def print_tables(outcomes: list[Outcome]) -> None:
    for table in [*tables(outcomes), claims_table(claims(outcomes))]:
        print(f"\n{table.text()}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--full", action="store_true", help="a million versions, and not a hundred thousand")
    parser.add_argument("--cases", nargs="*", choices=list(FULL), default=list(FULL))
    parser.add_argument("--room", help="a folder on the disk that is meant (default: that of temporary files)")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    cases = FULL if given.full else QUICK
    outcomes = []
    with tempfile.TemporaryDirectory(dir=given.room) as room:
        where = machine(Path(room))
        for name in given.cases:
            print(f"scale: {cases[name].name}", file=sys.stderr, flush=True)
            (Path(room) / name).mkdir()
            outcomes.append(measure(cases[name], Path(room) / name))
            shutil.rmtree(Path(room) / name)
    if given.json:
        judged = [{**claim._asdict(), "verdict": claim.verdict} for claim in claims(outcomes)]
        print(json.dumps({**where, "cases": outcomes, "claims": judged}, ensure_ascii=False, indent=1))
    else:
        print_tables(outcomes)


if __name__ == "__main__":
    main()
