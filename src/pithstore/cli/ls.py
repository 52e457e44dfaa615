"""`pithstore ls`: list sources, or the sections of a version."""

from __future__ import annotations

import click

from pithstore.cli import options
from pithstore.cli.output import print_json, print_line, print_table
from pithstore.model import Manifest


@click.command("ls", short_help="List sources, or the sections of a version.")
@options.shared_options
@options.horizon_options
@click.argument("ref", required=False)
def command(ref: str | None) -> None:
    """List the sources of the store, or the sections of the version that REF means.

    JSON: {"source"} a line; with REF {"section", "digest", "bytes"} a line.
    """
    with options.open_reader() as store:
        if ref is not None:
            _print_sections(store.manifest(ref))
            return
        for source in store.sources():
            if options.wants_json():
                print_json({"source": str(source), "kind": source.kind, "id": source.id})
            else:
                print_line(str(source))


def _print_sections(manifest: Manifest) -> None:
    if options.wants_json():
        for section in manifest.sections:
            print_json({"section": section.name, "digest": str(section.digest), "bytes": section.size})
        return
    print_table((str(section.digest), f"{section.size:>10,}", section.name) for section in manifest.sections)
