"""`pithstore get`: print a record, or a value in it."""

from __future__ import annotations

import click

from pithstore.canonical import decode
from pithstore.cli import options
from pithstore.cli.output import print_canonical, print_pretty


@click.command("get", short_help="Print the record that a reference means.")
@options.shared_options
@options.horizon_options
@click.argument("ref")
@click.option("--pretty", is_flag=True, help="Indent it for reading; its hash is then another.")
def command(ref: str, pretty: bool) -> None:
    """Print what REF means in canonical form: the bytes whose SHA-256 is the snapshot hash.

    Nothing follows the bytes unless the output is a terminal.  #SECTION/POINTER selects a value inside.
    """
    with options.open_reader() as store:
        data = store.get_bytes(ref)
    if pretty:
        print_pretty(decode(data))
    else:
        print_canonical(data)
