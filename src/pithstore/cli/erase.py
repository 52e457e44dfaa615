"""`pithstore erase`: take the bytes of sections off the medium."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pithstore.cli import options
from pithstore.cli.output import is_watched, print_json, print_line, progress_bar, say
from pithstore.errors import StoreBusy

if TYPE_CHECKING:
    from pithstore.report import ErasedReport
    from pithstore.store import Store

_SHOWN = 10


@click.command("erase", short_help="Take the bytes of sections off the medium.")
@options.shared_options
@click.argument("what", metavar="SOURCE|DIGEST")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it is kept and shown instead of the bytes.")
@click.option("--everywhere", is_flag=True, help="Take also what other sources have.")
def command(what: str, reason: str, everywhere: bool) -> int:
    """Take a section off the medium by its DIGEST, or all sections of all versions of a SOURCE.

    The whole store is written anew without their bytes.  The versions stay in the history, with digest, reason and
    time of what they lack; what was erased is not taken again.  Sections that other sources have too stay, unless
    --everywhere is given.  An erase that was interrupted is gone on with by the same command.

    JSON, one object: "sections", "section_bytes" (taken out now), "versions", "sources" (that lack something),
    "erased" (digests), "kept" (by digest, a source that has it too), "pending" (another process holds the bytes).
    """
    with options.open_store(readonly=False) as store:
        found = _erase(store, what, reason, everywhere)
    _print_report(found)
    if found.pending:
        say(
            "pithstore: another process still holds files with the bytes open; run 'pithstore erase' again "
            "when it has ended, or has read the store again"
        )
        return StoreBusy.exit_code
    return 0


def _erase(store: Store, what: str, reason: str, everywhere: bool) -> ErasedReport:
    with progress_bar("erase", 2 * store.stat().versions) as advance:
        done = 0

        def progress(now: int, _: int) -> None:
            nonlocal done
            advance(now - done)
            done = now

        listener = progress if is_watched() else None
        return store.erase(what, reason=reason, everywhere=everywhere, progress=listener)


def _print_report(found: ErasedReport) -> None:
    if options.wants_json():
        print_json(
            {
                "sections": found.sections,
                "section_bytes": found.section_bytes,
                "versions": found.versions,
                "sources": found.sources,
                "erased": [str(digest) for digest in found.erased],
                "kept": {str(digest): str(source) for digest, source in found.kept.items()},
                "pending": found.pending,
            }
        )
        return
    for digest, source in list(found.kept.items())[:_SHOWN]:
        say(f"kept: blob {digest}, which {source} has too; --everywhere takes it")
    if len(found.kept) > _SHOWN:
        say(f"kept: {len(found.kept) - _SHOWN:,} more, which other sources have too")
    sections = f"{found.sections:,} section{'' if found.sections == 1 else 's'} ({found.section_bytes:,} bytes)"
    versions = f"{found.versions:,} version{'' if found.versions == 1 else 's'}"
    sources = f"{found.sources:,} source{'' if found.sources == 1 else 's'}"
    print_line(f"{sections} erased; {versions} of {sources} lack what was erased")
