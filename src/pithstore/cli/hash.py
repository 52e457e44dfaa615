"""`pithstore hash`: canonical hashes of JSON texts, without a store."""

from __future__ import annotations

import sys
from base64 import b32encode

import click

from pithstore.cli import options
from pithstore.cli.output import print_canonical_piece, print_json, print_line
from pithstore.cli.texts import TextReport
from pithstore.digest import Digest

PITH_NUMBER_CHARACTERS = 26


@click.command("hash", short_help="Print canonical hashes of JSON texts.")
@options.shared_options
@click.argument("files", nargs=-1, required=True, metavar="FILE|-...")
@click.option("--canonical", "as_bytes", is_flag=True, help="Print the canonical bytes instead.")
@click.option("--pith-number", is_flag=True, help="Print the 26 characters of the Pith Number instead.")
def command(files: tuple[str, ...], as_bytes: bool, pith_number: bool) -> int:
    """Print the SHA-256 of the canonical form of each JSON text, one a line for JSON Lines.

    --canonical separates several texts by line breaks and puts nothing behind the last.  JSON: {"sha256",
    "pith_number", "file", "line"} a line.
    """
    from pithstore.canonical import canonical
    from pithstore.parse import parse_value

    report = TextReport(files)
    separator = b""
    for file, text in report:
        with report.refusals(file, text):
            data = canonical(parse_value(text.text))
            if as_bytes:
                print_canonical_piece(separator + data)
                separator = b"\n"
            else:
                _print_hash(Digest.of(data), pith_number, file, text.line)
    if as_bytes and sys.stdout.isatty():
        click.echo()
    return report.exit_code()


def _print_hash(digest: Digest, pith_number: bool, file: str, line: int) -> None:
    number = b32encode(digest)[:PITH_NUMBER_CHARACTERS].decode()
    if options.wants_json():
        print_json({"sha256": str(digest), "pith_number": number, "file": file, "line": line})
    else:
        print_line(number if pith_number else str(digest))
