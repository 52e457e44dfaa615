"""Tables as text: JSON Lines and CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable

from pithstore.export.tables import JSON_COLUMNS, Cell, Row, TableName, Write, cells, columns, plain
from pithstore.rendering.legible import CONCEALING
from pithstore.rendering.markup import csv_cell

_CONCEALING = re.compile(f"[{CONCEALING}]")
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def write_jsonl(table: TableName, rows: Iterable[Row], write: Write) -> int:
    """How many rows were written: a JSON object each, in ASCII, times as RFC 3339 text."""
    names = [column.name for column in columns(table)]
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 - the last one is how many they were
        members = dict(zip(names, map(plain, cells(row)), strict=True))
        write(_encode(members).encode() + b"\n")
    return count


def write_csv(table: TableName, rows: Iterable[Row], write: Write) -> int:
    """How many rows were written, below one with the names of the columns.

    None is an empty cell.  A text that a spreadsheet would take for a formula gets a ' in front, and a character
    that would not show is written out: in JSON as JSON does it.
    """
    names = [column.name for column in columns(table)]
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(names)
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 - the last one is how many they were
        writer.writerow(map(_csv, names, cells(row)))
        write(buffer.getvalue().encode())
        buffer.seek(0)
        buffer.truncate()
    write(buffer.getvalue().encode())
    return count


def _csv(column: str, cell: Cell) -> str | int | None:
    if not isinstance(cell, str):
        return plain(cell)
    return csv_cell(_CONCEALING.sub(_escaped, cell) if column in JSON_COLUMNS else cell)


def _escaped(match: re.Match[str]) -> str:
    """The character as JSON text can say it."""
    return json.dumps(match[0])[1:-1]
