"""`pithstore stat`: print how much the store holds."""

from __future__ import annotations

import attrs
import click

from pithstore.cli import options
from pithstore.cli.output import print_json, print_table


@click.command("stat", short_help="Print how much the store holds.")
@options.shared_options
def command() -> None:
    """Print how much the store holds.

    JSON, one object: "sources", "versions", "snapshots", "blobs", "sections", "canonical_bytes" (all versions
    written out), "unique_bytes" (their distinct sections), "stored_bytes" (on the medium), "dedupe_ratio"
    (canonical by unique bytes, null for an empty store).
    """
    with options.open_store() as store:
        stat = store.stat()
    if options.wants_json():
        print_json({**attrs.asdict(stat), "dedupe_ratio": stat.dedupe_ratio})
        return
    rows = [(name.replace("_", " "), f"{count:>16,}") for name, count in attrs.asdict(stat).items()]
    ratio = "-" if stat.dedupe_ratio is None else f"{stat.dedupe_ratio:.2f}"
    print_table([*rows, ("dedupe ratio", f"{ratio:>16}")])
