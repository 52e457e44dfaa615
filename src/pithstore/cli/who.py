"""`pithstore who`: every version that holds a blob."""

from __future__ import annotations

import click

from pithstore.cli import options
from pithstore.cli.output import print_json, print_line
from pithstore.digest import Digest
from pithstore.errors import NotFound
from pithstore.times import write_time


@click.command("who", short_help="List the versions that hold a blob.")
@options.shared_options
@options.horizon_options
@click.argument("digest")
def command(digest: str) -> None:
    """List every version that has a section with that DIGEST, all 64 digits of it.

    All versions of the store are looked through, no blob is read.

    JSON: {"source", "number", "builder_version", "observed_at", "sections"} a line.
    """
    wanted, found = Digest.from_text(digest), False
    with options.open_reader() as store:
        for holder in store.who(wanted):
            found = True
            version, sections = holder.version, ", ".join(holder.sections)
            if options.wants_json():
                print_json(
                    {
                        "source": str(version.source),
                        "number": version.number,
                        "builder_version": version.builder_version,
                        "observed_at": write_time(version.observed_at),
                        "sections": list(holder.sections),
                    }
                )
            else:
                time = write_time(version.observed_at)
                print_line(f"{version.source}@{version.number}  {time}  {version.builder_version}  {sections}")
    if not found:
        raise NotFound(f"no version has a section {wanted}; 'pithstore ls REF' shows the digests of a version")
