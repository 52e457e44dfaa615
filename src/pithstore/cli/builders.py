"""`pithstore builders`: list the builders, or hold one against another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from pithstore.cli import options
from pithstore.cli.output import print_json, print_line, print_table, progress_bar, say
from pithstore.errors import UsageError
from pithstore.times import write_time

if TYPE_CHECKING:
    from pithstore.builders.comparison import BuilderComparison, BuilderSummary
    from pithstore.builders.section_comparison import SectionComparison
    from pithstore.builders.walk import Progress
    from pithstore.pointer import Json
    from pithstore.reader import Reader


@click.command("builders", short_help="List the builders, or show what one changed against another.")
@options.shared_options
@options.horizon_options
@click.argument("before", metavar="[A", required=False)
@click.argument("after", metavar="B]", required=False)
@click.option("--md", "markdown", is_flag=True, help="Print Markdown, for the comment on a pull request.")
@click.option("--html", metavar="FILE", help="Write a page with plots to FILE.")
def command(before: str | None, after: str | None, markdown: bool, html: str | None) -> None:
    """List the builders with what they made and when; or show what builder B changed against builder A.

    B is held against A where both made the same version of the same source, by the newest version of each.  Which
    sections differ is counted over all of these pairs, where they differ in at most 500 pairs of each section.

    JSON of the list: {"builder_version", "versions", "sources", "first_observed", "last_observed",
    "first_recorded", "last_recorded"} a line.  Of A and B: {"section", "pairs", "changed", "share", "pointers",
    "added", "removed", "sampled", "examples"} a line; "pointers" are objects "pointer", "count", and "examples"
    are objects "before", "after".
    """
    if markdown and options.wants_json():
        raise UsageError("--json and --md are two formats; give one of them")
    if before is None:
        if markdown or html is not None:
            raise UsageError("--md and --html show what one builder changed against another: give two builders")
        _list_builders()
    elif after is None:
        raise UsageError(f"{before!r} is one builder: give two, or none for a list of all")
    else:
        _compare(before, after, markdown, html)


def _list_builders() -> None:
    with options.open_reader() as store, _progress(store) as progress:
        summaries = store.builders(progress)
    if options.wants_json():
        for summary in summaries:
            print_json(_summary_json(summary))
    elif summaries:
        heads = ("builder", "versions", "sources", "observed", "recorded")
        print_table([heads, *map(_summary_row, summaries)])
    else:
        print_line("there are no versions")


@contextmanager
def _progress(store: Reader) -> Iterator[Progress]:
    with progress_bar("sources", store.stat().sources) as advance:
        yield advance


def _summary_json(summary: BuilderSummary) -> dict[str, Json]:
    return {
        "builder_version": summary.builder_version,
        "versions": summary.versions,
        "sources": summary.sources,
        "first_observed": write_time(summary.first_observed),
        "last_observed": write_time(summary.last_observed),
        "first_recorded": write_time(summary.first_recorded),
        "last_recorded": write_time(summary.last_recorded),
    }


def _summary_row(summary: BuilderSummary) -> tuple[str, ...]:
    observed = f"{summary.first_observed:%Y-%m-%d} to {summary.last_observed:%Y-%m-%d}"
    recorded = f"{summary.first_recorded:%Y-%m-%d} to {summary.last_recorded:%Y-%m-%d}"
    return summary.builder_version, f"{summary.versions:>9,}", f"{summary.sources:>9,}", observed, recorded


def _compare(before: str, after: str, markdown: bool, html: str | None) -> None:
    compared = _compared(before, after) if html is None else _write_page(before, after, html)
    if options.wants_json():
        _print_json(compared)
    elif markdown:
        _print_markdown(compared)
    elif html is None:
        _print_text(compared)
    else:
        print_line(f"{html}: {compared.pairs:,} source versions made by both, and compared")


def _compared(before: str, after: str) -> BuilderComparison:
    with options.open_reader() as store, _progress(store) as progress:
        return store.compare_builders(before, after, progress)


def _write_page(before: str, after: str, name: str) -> BuilderComparison:
    from pithstore.export.new_file import new_file
    from pithstore.rendering.builder_html import comparison_page

    with new_file(name) as stream:
        compared = _compared(before, after)
        stream.write(comparison_page(compared).encode())
    return compared


def _print_json(compared: BuilderComparison) -> None:
    for section in compared.sections:
        print_json(_section_json(section))
    if not compared.pairs:
        say("no source version was made by both: there is nothing to compare")


def _section_json(section: SectionComparison) -> dict[str, Json]:
    return {
        "section": section.section,
        "pairs": section.pairs,
        "changed": section.changed,
        "share": section.share,
        "pointers": [{"pointer": each.pointer, "count": each.count} for each in section.pointers],
        "added": section.added,
        "removed": section.removed,
        "sampled": section.sampled,
        "examples": [{"before": str(each.before), "after": str(each.after)} for each in section.examples],
    }


def _print_markdown(compared: BuilderComparison) -> None:
    from pithstore.rendering.builder_markdown import comparison_markdown

    click.echo(comparison_markdown(compared), nl=False)


def _print_text(compared: BuilderComparison) -> None:
    from pithstore.rendering.builder_text import comparison_lines

    for line in comparison_lines(compared):
        print_line(line)
