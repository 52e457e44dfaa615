"""`pithstore cat`: print a blob."""

from __future__ import annotations

import click

from pithstore.cli import options
from pithstore.cli.output import print_canonical
from pithstore.digest import Digest


@click.command("cat", short_help="Print the blob that a digest names.")
@options.shared_options
@click.argument("digest")
def command(digest: str) -> None:
    """Print the exact bytes of the section with that SHA-256 (64 hexadecimal digits; 'ls REF' shows them)."""
    with options.open_store() as store:
        print_canonical(store.blob(Digest.from_text(digest)))
