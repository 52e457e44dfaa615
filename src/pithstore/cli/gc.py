"""`pithstore gc`: remove what nothing reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import click

from pithstore.cli import options
from pithstore.cli.output import is_watched, print_json, print_line, progress_bar

if TYPE_CHECKING:
    from pithstore.report import Collected
    from pithstore.store import Store


@click.command("gc", short_help="Remove what nothing reaches.")
@options.shared_options
@click.option("--apply", is_flag=True, help="Remove it; else it is only said how much there is.")
def command(apply: bool) -> None:
    """Say how much of the store nothing reaches any more; with --apply remove it.

    Others may go on reading and putting.  A gc that was interrupted is begun anew by the next one.

    JSON, one object: "applied", "blobs", "blob_bytes" (sections that nothing reaches), "values", "value_bytes"
    (of the tail and of packs, in which nothing else lies).
    """
    with options.open_store(readonly=not apply) as store:
        found = _gc(store, apply)
    _print_report(found, apply)


def _gc(store: Store, apply: bool) -> Collected:
    stat = store.stat()
    with progress_bar("gc", stat.versions + stat.blobs) as advance:
        done = 0

        def progress(now: int, _: int) -> None:
            nonlocal done
            advance(now - done)
            done = now

        return store.gc(progress if is_watched() else None, apply=apply)


def _print_report(found: Collected, apply: bool) -> None:
    if options.wants_json():
        print_json({"applied": apply, **attrs.asdict(found)})
        return
    blobs = f"{found.blobs:,} section{'' if found.blobs == 1 else 's'} ({found.blob_bytes:,} bytes)"
    free = f"{found.value_bytes:,} bytes of the store"
    if not (found.blobs or found.values):
        print_line("everything is reached; there is nothing to remove")
    elif apply:
        print_line(f"{blobs} removed; {free} are free")
    else:
        print_line(f"nothing reaches {blobs}; without them {free} are free; --apply removes them")
