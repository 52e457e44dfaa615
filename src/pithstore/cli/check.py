"""`pithstore check`: validate records, without storing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pithstore.cli import options
from pithstore.cli.output import print_json, print_line, say
from pithstore.cli.texts import TextReport
from pithstore.errors import DeclaredMismatch

if TYPE_CHECKING:
    from pithstore.configuration import Configuration
    from pithstore.profile import Verdict
    from pithstore.record import Prepared


@click.command("check", short_help="Validate records without storing them.")
@options.shared_options
@click.argument("files", nargs=-1, required=True, metavar="FILE|-...")
@click.option("--declared", "show_declared", is_flag=True, help="Show what becomes of each declared digest.")
@click.option("--strict", is_flag=True, help="Exit 7 if a declared digest is a mismatch.")
def command(files: tuple[str, ...], show_declared: bool, strict: bool) -> int:
    """Validate records as 'put' would.  No store is needed; with --store its profile and limits hold.

    JSON: {"source", "snapshot", "declared", "rounded", "file", "line"} a line; "declared" maps the sections that
    declare a digest to match, mismatch or unknown rule; "rounded" counts numbers whose digits say more than the
    double that they are kept as.
    """
    from pithstore.parse import count_rounded
    from pithstore.profile import check_declared
    from pithstore.record import load, prepare

    configuration = _configuration()
    report = TextReport(files, configuration.limits.record_bytes)
    mismatches = 0
    for file, text in report:
        with report.refusals(file, text):
            prepared = prepare(text.text, configuration.profile, configuration.limits)
            declared = check_declared(load(text.text, configuration.limits), configuration.profile)
            rounded = count_rounded(text.text, configuration.limits)
            mismatches += sum(verdict == "mismatch" for verdict in declared.values())
            if options.wants_json():
                _print_record_json(prepared, declared, rounded, file, text.line)
            else:
                _print_record(prepared, declared if show_declared else {}, rounded)
    if strict and mismatches:
        _say_mismatches(mismatches, alone=not report.refused)
    return report.exit_code()


def _say_mismatches(count: int, *, alone: bool) -> None:
    what = "1 declared digest is" if count == 1 else f"{count} declared digests are"
    message = f"{what} not what the record says; --declared shows which"
    if alone:
        raise DeclaredMismatch(message)
    say(message)


def _configuration() -> Configuration:
    from pithstore.configuration import Configuration

    path = options.given_store()
    if path is None:
        return Configuration()
    from pithstore.store import open as open_store

    with open_store(path, readonly=True) as store:
        return store.configuration


def _print_record_json(
    prepared: Prepared, declared: dict[str, Verdict], rounded: int, file: str, line: int
) -> None:
    print_json(
        {
            "source": str(prepared.line.source),
            "snapshot": str(prepared.snapshot),
            "declared": {**declared},
            "rounded": rounded,
            "file": file,
            "line": line,
        }
    )


def _print_record(prepared: Prepared, declared: dict[str, Verdict], rounded: int) -> None:
    note = f"  {rounded} rounded numbers" if rounded else ""
    print_line(f"{prepared.line.source}  {prepared.snapshot}{note}")
    for section, verdict in declared.items():
        print_line(f"  {section}: {verdict}")
