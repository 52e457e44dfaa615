"""All that was measured on one input, as it stands in the JSON, and as tables with their ratios."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias, TypedDict

from ceilings import Ceilings
from tables import NOTHING, Table

Row: TypeAlias = dict[str, float]
"""What was measured of one store in one form; what does not apply is left out."""

OURS, COMPACT, TWO = "pithstore", "pithstore, compact", "pithstore, two workers"
PLAIN, GIT, AGGRESSIVE, LIBRARY = "plain LMDB", "git", "git, gc --aggressive", "git, gc, by pygit2"


class Outcome(TypedDict):
    """An input, what the machine can do at most with it, and a row for each form of each store."""

    input: str
    records: int
    bytes: int
    sources: int
    versions: int
    newest: int
    ceilings: Ceilings
    stores: dict[str, Row]


def family(outcome: Outcome) -> str:
    """The profile or the corpus that the input was taken of."""
    return outcome["input"].partition(":")[0]


def ceiling(outcome: Outcome) -> float:
    """C, in seconds."""
    return outcome["ceilings"]["steps"][-1]["seconds"]


def heading(outcome: Outcome) -> str:
    return (
        f"{outcome['input']}: {outcome['records']:,} records, {outcome['bytes'] / 1e6:.1f} MB,"
        f" {outcome['sources']:,} sources, {outcome['versions']:,} versions,"
        f" {outcome['ceilings']['unique_bytes'] / 1e6:.1f} MB unique"
    )


def ceilings_table(outcome: Outcome) -> Table:
    total, rows = ceiling(outcome), []
    for step in outcome["ceilings"]["steps"]:
        spent = step["seconds"]
        rates = f"{outcome['records'] / spent:,.0f}", f"{outcome['bytes'] / 1e6 / spent:,.1f}"
        rows.append((step["step"], f"{spent:.3f}", *rates, f"{total / spent:.2f}"))
    return Table(("ceiling in one process", "s", "rec/s", "MB/s", "÷C"), rows)


def engine_words(outcome: Outcome) -> str:
    found = outcome["ceilings"]
    return (
        f"Raw LMDB get of a section: {found['raw_get_p50_us']:.2f} µs, p99 {found['raw_get_p99_us']:.2f};"
        f" LMDB scan with SHA-256: {found['unique_bytes'] / 1e6 / found['scan_seconds']:,.0f} MB/s."
    )


class Column(NamedTuple):
    title: str
    digits: int
    value: Callable[[Row], float]

    def cell(self, row: Row) -> str:
        try:
            return f"{self.value(row):,.{self.digits}f}"
        except KeyError:  # this was not asked of this form
            return NOTHING


def put_seconds(row: Row) -> float:
    return row["put_seconds"] + row.get("pack_seconds", 0)


def columns(outcome: Outcome) -> list[Column]:
    stores, unique = outcome["stores"], outcome["ceilings"]["unique_bytes"]

    def by(store: str, name: str) -> Callable[[Row], float]:
        return lambda row: row[name] / stores[store][name]

    return [
        Column("rec/s", 0, lambda row: outcome["records"] / put_seconds(row)),
        Column("MB/s", 1, lambda row: outcome["bytes"] / 1e6 / put_seconds(row)),
        Column("÷C", 2, lambda row: ceiling(outcome) / put_seconds(row)),
        Column("pack s", 2, lambda row: row["pack_seconds"]),
        Column("B/version", 0, lambda row: row["bytes"] / outcome["versions"]),
        Column("÷git", 2, by(AGGRESSIVE, "bytes")),
        Column("get µs", 1, lambda row: row["get_p50_us"]),
        Column("p99", 1, lambda row: row["get_p99_us"]),
        Column("÷plain", 2, by(PLAIN, "get_p50_us")),
        Column("÷pygit2", 2, by(LIBRARY, "get_p50_us")),
        Column("history ms", 2, lambda row: row["history_ms"]),
        Column("verify MB/s", 0, lambda row: unique / 1e6 / row["verify_seconds"]),
        Column("÷scan", 3, lambda row: outcome["ceilings"]["scan_seconds"] / row["verify_seconds"]),
        Column("again/s", 0, lambda row: outcome["newest"] / row["again_seconds"]),
        Column("×first", 1, lambda row: row["first_seconds"] / row["again_seconds"]),
        Column("put MB", 0, lambda row: row["put_megabytes"]),
        Column("pack MB", 0, lambda row: row["pack_megabytes"]),
        Column("verify MB", 0, lambda row: row["verify_megabytes"]),
    ]


def stores_table(outcome: Outcome) -> Table:
    shown = columns(outcome)
    rows = [(name, *(column.cell(row) for column in shown)) for name, row in outcome["stores"].items()]
    return Table(("store", *(column.title for column in shown)), rows)


def figures(outcome: Outcome) -> dict[str, Row]:
    """The numbers of the table of stores, unrounded."""
    return {
        name: {column.title: column.value(row) for column in columns(outcome) if column.cell(row) != NOTHING}
        for name, row in outcome["stores"].items()
    }
