"""`pithstore export`: write a store out, as an archive or as tables."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from pithstore.cli import options
from pithstore.cli.output import print_json, print_line, progress_bar, say
from pithstore.errors import EXIT_DONE, EXIT_PARTLY, UsageError

if TYPE_CHECKING:
    from pithstore.export.tables import Row, TableName, Write

_STDOUT = "-"
_FOR_EYES = ("jsonl", "csv")


@click.command("export", short_help="Write a store out, as an archive or as tables.")
@options.shared_options
@options.horizon_options
@click.option(
    "--archive", metavar="FILE|-", help="Every version with its record, as 'put --from-archive' reads it."
)
@click.option("--format", "form", type=click.Choice(["parquet", "arrow", "jsonl", "csv"]), help="Of a table.")
@click.option("--table", type=click.Choice(["versions", "changes", "blobs"]), help="Which table.")
@click.option("--output", "-o", metavar="FILE|-", help="Where a table goes; the standard output if not given.")
@click.option("--source", "sources", multiple=True, metavar="SOURCE", help="Only this source; repeat for more.")
@click.option("--builder", metavar="NAME", help="Only versions by this builder.")
@click.option("--section", "sections", multiple=True, metavar="NAME", help="Only this section; repeat for more.")
def command(
    archive: str | None,
    form: str | None,
    table: TableName | None,
    output: str | None,
    sources: tuple[str, ...],
    builder: str | None,
    sections: tuple[str, ...],
) -> int:
    """Write every version out: with its record as an archive, or as a row of a table.

    --at and --as-recorded keep to the versions that had been observed, or recorded, by then.  A file whose name
    ends with .zst is compressed; it is there once it is complete, and not before.  What was erased is left out:
    it is said how much that was, and the exit code is 3.

    JSON, one object where the output is a file: "file", "format" (archive for an archive), "table" (null for an
    archive), "rows", "bytes".
    """
    if archive is not None:
        _refuse_for_archive(form, table, output, sections)
        return _export(archive, "archive", None, sources, builder, ())
    if form is None or table is None:
        raise UsageError("say what to export: --archive FILE, or --format and --table for a table")
    if sections and table == "versions":
        raise UsageError("the table of versions has no sections; --section is for changes and blobs")
    return _export(output or _STDOUT, form, table, sources, builder, sections)


def _refuse_for_archive(*table_options: object) -> None:
    if any(table_options):
        raise UsageError(
            "--archive names the file and holds whole records; leave out --format, --table, -o, --section"
        )


def _export(
    name: str,
    form: str,
    table: TableName | None,
    sources: tuple[str, ...],
    builder: str | None,
    sections: tuple[str, ...],
) -> int:
    """Write it; the exit code, which says whether anything was left out."""
    gone = 0

    def left_out(count: int) -> None:
        nonlocal gone
        gone += count

    named = [options.read_source(text) for text in sources]
    with (
        options.open_reader() as reader,
        _opened(name, form) as write,
        progress_bar("export", reader.stat().versions) as walked,
    ):
        if table is None:
            trailer = reader.export_archive(
                write, sources=named, builder=builder, walked=walked, left_out=left_out
            )
            rows = trailer.versions
        else:
            found = reader.table_rows(
                table, sources=named, builder=builder, sections=sections, walked=walked, left_out=left_out
            )
            rows = _table_writer(form)(table, found, write)
    if name != _STDOUT:
        _print_summary(name, form, table, rows)
    if gone:
        what = "version" if table is None else "section"
        say(f"left out: {gone:,} {what}{'' if gone == 1 else 's'}, as what was erased cannot be exported")
    return EXIT_PARTLY if gone else EXIT_DONE


@contextmanager
def _opened(name: str, form: str) -> Iterator[Write]:
    """What takes the bytes of the output."""
    from pithstore.export.new_file import new_file

    if name != _STDOUT:
        with new_file(name) as stream:
            yield stream.write
        return
    if form not in _FOR_EYES and sys.stdout.isatty():
        raise UsageError(f"{form} is not for a terminal; name a file")
    yield sys.stdout.buffer.write


def _table_writer(form: str) -> Callable[[TableName, Iterable[Row], Write], int]:
    if form not in _FOR_EYES:
        from pithstore.export.arrow_tables import write_arrow, write_parquet

        return write_arrow if form == "arrow" else write_parquet
    from pithstore.export.text_tables import write_csv, write_jsonl

    return write_csv if form == "csv" else write_jsonl


def _print_summary(name: str, form: str, table: TableName | None, rows: int) -> None:
    size = os.path.getsize(name)
    if options.wants_json():
        print_json({"file": name, "format": form, "table": table, "rows": rows, "bytes": size})
        return
    what = "version" if table is None else "row"
    print_line(f"{rows:,} {what}{'' if rows == 1 else 's'} in {name} ({size:,} bytes)")
