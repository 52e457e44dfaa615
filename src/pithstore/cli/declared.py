"""`pithstore declared`: what became of the digests that sections declare of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import click

from pithstore.cli import options
from pithstore.cli.output import print_json, print_line, print_table, progress_bar, say
from pithstore.declared.declarations import DRIFTS, VERDICTS
from pithstore.errors import UsageError
from pithstore.meta import read_ledger_state
from pithstore.times import write_time

if TYPE_CHECKING:
    from pithstore.declared.declarations import Drift
    from pithstore.declared.report import DeclaredReport, Finding
    from pithstore.profile import Verdict
    from pithstore.reader import Reader

_OUTCOMES: dict[str, Verdict | Drift] = {name.replace(" ", "-"): name for name in (*VERDICTS, *DRIFTS)}


@click.command("declared", short_help="Show what became of the digests that sections declare.")
@options.shared_options
@options.horizon_options
@click.argument("source", required=False)
@click.option("--section", metavar="NAME", help="List what this section declared.")
@click.option("--outcome", type=click.Choice(list(_OUTCOMES)), help="List where this came out.")
@click.option("--rebuild", is_flag=True, help="Count a store anew that was written without this ledger.")
def command(source: str | None, section: str | None, outcome: str | None, rebuild: bool) -> None:
    """Count how the declared digests of all versions came out, or list those of SOURCE, --section or --outcome.

    Each declaration is a match, a mismatch or of an unknown rule.  Beside that, since the version before, the
    section may have changed though it declares the same, or be the same though it declares another digest.

    JSON: {"section", "match", "mismatch", "unknown_rule", "changed_though_declared_same",
    "same_though_declared_changed"} a line; in a list {"source", "number", "builder_version", "observed_at",
    "section", "verdict", "drift"}.
    """
    if rebuild:
        _rebuild((source, section, outcome))
        return
    with options.open_reader() as store:
        _say_what_is_missing(store)
        if source is None and section is None and outcome is None:
            _print_report(store.declared())
        else:
            _list(store, source, section, outcome)


def _rebuild(given: tuple[str | None, ...]) -> None:
    if any(given):
        raise UsageError("--rebuild counts the whole store anew; give no source, section or outcome beside it")
    with options.open_store(readonly=False) as store:
        if not options.within(store).horizon.is_open:
            raise UsageError("--rebuild counts the whole store anew; leave out --at and --as-recorded")
        with progress_bar("declared", store.stat().versions) as advance:
            store.rebuild_ledger(advance)
        _print_report(store.declared())


def _say_what_is_missing(store: Reader) -> None:
    if store._engine.view(read_ledger_state) != "complete":
        say(
            "the store holds versions from before this ledger was kept, which are not counted; "
            "count them with 'pithstore declared --rebuild'"
        )


def _print_report(report: DeclaredReport) -> None:
    if options.wants_json():
        for name, row in report.sections.items():
            print_json({"section": name, **attrs.asdict(row)})
    elif report.sections:
        heads = ("match", "mismatch", "unknown rule", "changed, declared same", "same, declared changed")
        rows = [(name, *(f"{count:,}" for count in attrs.astuple(row))) for name, row in report.sections.items()]
        widths = [max(len(head), *(len(row[i]) for row in rows)) for i, head in enumerate(heads, 1)]
        aligned = (
            (name, *(cell.rjust(width) for cell, width in zip(cells, widths, strict=True)))
            for name, *cells in [("section", *heads), *rows]
        )
        print_table(aligned)
    else:
        print_line("no section declares a digest of itself")


def _list(store: Reader, source: str | None, section: str | None, outcome: str | None) -> None:
    for finding in store.declared_findings(
        source, section=section, outcome=_OUTCOMES[outcome] if outcome else None
    ):
        if options.wants_json():
            _print_finding_json(finding)
        else:
            _print_finding(finding)


def _print_finding_json(finding: Finding) -> None:
    version, outcome = finding.version, finding.outcome
    print_json(
        {
            "source": str(version.source),
            "number": version.number,
            "builder_version": version.builder_version,
            "observed_at": write_time(version.observed_at),
            "section": outcome.section,
            "verdict": outcome.verdict,
            "drift": outcome.drift,
        }
    )


def _print_finding(finding: Finding) -> None:
    version, outcome = finding.version, finding.outcome
    drift = "" if outcome.drift is None else f", {outcome.drift}"
    print_line(
        f"{version.source}@{version.number}  {write_time(version.observed_at)}  {version.builder_version}  "
        f"{outcome.section}: {outcome.verdict}{drift}"
    )
