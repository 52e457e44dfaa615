"""The last full run as it is committed: results.json, RESULTS.md, results.svg, and the table in the README.

    python benchmarks/report.py                        # from results.json
    python benchmarks/report.py --take build/bench     # from the JSON of a new run, which becomes results.json

What was tried where a row falls short is written by hand in tried.md, under the words of the row.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

import scale
from claims import Claim, all_claims, claims_table, shown
from outcome import AGGRESSIVE, COMPACT, OURS, Outcome, ceilings_table, engine_words, heading, stores_table
from plot import MEASURES, Measure, svg
from plot import shown as compared
from tables import Table

HERE = Path(__file__).parent
RESULTS, PAGE, PLOT, TRIED = (HERE / name for name in ("results.json", "RESULTS.md", "results.svg", "tried.md"))
README = HERE.parent / "README.md"
BEGIN, END = "<!-- made by benchmarks/report.py -->", "<!-- /made -->"
UNTRIED = "Nothing is written about it."


class Run(TypedDict):
    """What every program says of where it ran."""

    date: str
    machine: str
    load: str
    system: str
    versions: str
    command: str


class Ingest(Run):
    rounds: int
    inputs: list[Outcome]


class Scale(Run):
    cases: list[scale.Outcome]


class Command(TypedDict):
    command: str
    ms: float
    ratio: float
    limit: float


class Startup(TypedDict):
    runs: int
    python_ms: float
    commands: list[Command]


class Results(TypedDict):
    """The JSON of each program, under its name."""

    ingest: Ingest
    scale: Scale
    startup: Startup


def claims(results: Results) -> list[Claim]:
    """Every row that was asked for."""
    start = [
        Claim("CPU of a command ÷ python -c pass", one["command"], one["limit"], None, one["ratio"], more=False)
        for one in results["startup"]["commands"]
    ]
    return [*all_claims(results["ingest"]["inputs"]), *scale.claims(results["scale"]["cases"]), *start]


def page(results: Results, tried: str) -> str:
    """RESULTS.md."""
    return "\n\n".join([*opening(results["ingest"]), *verdicts(claims(results), tried), *measured(results)]) + "\n"


def opening(run: Ingest) -> Iterator[str]:
    yield "# Results"
    yield (
        "The last run of `make bench-full`, as `benchmarks/report.py` tells it from [results.json](results.json)."
        " A ratio counts, a number does not: all that is compared took turns on one machine."
    )
    rows = [(name, str(value)) for name, value in run.items() if name in Run.__annotations__]
    yield Table(("where and when", ""), rows, words=2).markdown()
    yield f"Figures are medians of {run['rounds']} rounds; git was asked once."
    yield "What a process imports is in no time."
    yield "![bytes a version, records put a second, get and verify of each store](results.svg)"


def verdicts(found: list[Claim], tried: str) -> Iterator[str]:
    yield "## What is asked"
    yield claims_table(found).markdown()
    yield "## Where it falls short"
    short = [claim for claim in found if claim.verdict not in ("met", "aim met")]
    if not short:
        yield "Nowhere: every row has at least what is needed."
    texts = sections(tried)
    for quantity in dict.fromkeys(claim.quantity for claim in short):
        yield f"### {quantity}"
        yield "; ".join(shortfall(claim) for claim in short if claim.quantity == quantity) + "."
        yield texts.get(quantity, UNTRIED)


def sections(text: str) -> dict[str, str]:
    """The texts under the headings of a document."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)[1:]
    return {title: body.strip() for title, body in zip(parts[::2], parts[1::2], strict=True)}


def shortfall(claim: Claim) -> str:
    if claim.got is None:
        return f"{claim.where} was not measured"
    bound = "at least" if claim.more else "at most"
    return f"{claim.where} has {shown(claim.got)} where {bound} {claim.needed:g} is needed"


def measured(results: Results) -> Iterator[str]:
    for outcome in results["ingest"]["inputs"]:
        yield f"## {heading(outcome)}"
        yield ceilings_table(outcome).markdown()
        yield engine_words(outcome)
        yield stores_table(outcome).markdown()
    yield "Of git a get is by cat-file, which does not hash what it reads; pygit2 and all others do."
    yield "## Big and deep archives"
    yield f"`{results['scale']['command']}`, {results['scale']['date']}"
    yield from (table.markdown() for table in scale.tables(results["scale"]["cases"]))
    yield "## Start-up"
    yield startup_table(results["startup"]).markdown()


def startup_table(found: Startup) -> Table:
    rows = [("python -c pass", f"{found['python_ms']:.1f}", "1", "")]
    rows += [
        (one["command"], f"{one['ms']:.1f}", f"{one['ratio']:.2f}", f"{one['limit']:g}")
        for one in found["commands"]
    ]
    return Table((f"CPU time, median of {found['runs']} runs", "ms", "ratio", "at most"), rows)


def section(results: Results) -> str:
    """What the README says, between its marks."""
    return "\n\n".join(paragraphs(results["ingest"]["inputs"][0]))


def paragraphs(outcome: Outcome) -> Iterator[str]:
    kilobytes = outcome["bytes"] / outcome["records"] / 1000
    yield (
        f"{outcome['records']:,} records of {kilobytes:.0f} KB, {outcome['records'] // outcome['sources']} of each"
        " source, in one run on one machine. All commit as durably and gave back the same bytes; where a store was"
        f" packed, that time counts as time of putting. {against_git(outcome)}"
    )
    cells = [
        (title, *(measure.text(outcome, row) for measure in MEASURES)) for title, row in compared(outcome).items()
    ]
    yield Table(("store", *(measure.title for measure in MEASURES)), cells).markdown()
    yield "![The same as bars](benchmarks/results.svg)"
    yield (
        f"{not_the_best(outcome)} Real corpora, the ceilings of the machine and how it was measured stand in"
        " [benchmarks/RESULTS.md](benchmarks/RESULTS.md)."
    )


def against_git(outcome: Outcome) -> str:
    """What compaction saves, where both were measured."""
    ours, git = outcome["stores"].get(COMPACT), outcome["stores"].get(AGGRESSIVE)
    if not ours or not git:
        return ""
    size, time = ours["bytes"] / git["bytes"], git["pack_seconds"] / ours["pack_seconds"]
    return f"Compacted it takes {size:.2f} of the bytes of `git gc --aggressive`, in 1/{time:.0f} of its time."


def not_the_best(outcome: Outcome) -> str:
    """The sentence that says what other stores do better."""
    better = [words for measure in MEASURES if (words := beaten(outcome, measure))]
    return f"**Where it is not the best:** {', '.join(better)}." if better else "Of these it is the best at each."


def beaten(outcome: Outcome, measure: Measure) -> str | None:
    """Who does best what pithstore, in its better form for it, does less well; or None."""
    rows = compared(outcome)
    order = sorted(rows, key=lambda title: measure.value(outcome, rows[title]), reverse=measure.more)
    ours = next(title for title in order if title.startswith(OURS))
    if ours == order[0]:
        return None
    best, own = (measure.text(outcome, rows[title]) for title in (order[0], ours))
    return f"{order[0]} {measure.beats} ({best} to {own})"


def filled(readme: str, words: str) -> str:
    """The README with these words between the marks."""
    before, rest = readme.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n\n{words}\n\n{END}{after}"


def taken(folder: Path) -> str:
    """The results of a run, as one JSON text."""
    parts = {name: json.loads((folder / f"{name}.json").read_text()) for name in Results.__annotations__}
    return json.dumps(parts, ensure_ascii=False, indent=1) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--take", type=Path, help="a folder with the JSON of each program")
    given = parser.parse_args()
    if given.take:
        RESULTS.write_text(taken(given.take))
    results: Results = json.loads(RESULTS.read_text())
    PAGE.write_text(page(results, TRIED.read_text()))
    PLOT.write_text(svg(results["ingest"]["inputs"][0]))
    README.write_text(filled(README.read_text(), section(results)))
    print(claims_table(claims(results)).text())


if __name__ == "__main__":
    main()
