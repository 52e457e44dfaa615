"""Make the examples beside this file: what the history commands say of the records of research organisations.

    python docs/examples/make.py CORPUS OUT

CORPUS is a file of records, JSON Lines in gzip, oldest first; OUT a directory.  The records carry no time of their
own: line n is taken as observed n minutes after 2020 began, so that the examples come out the same each time.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pithstore
from pithstore.arrivals import Arrival

SOURCE = "ror:04b0z7q78"
COMMANDS = {
    "builders.txt": ["builders"],
    "builders-compared.txt": ["builders", "ror-schema-1.0", "ror-schema-2.0"],
    "builders-compared.md": ["builders", "ror-schema-1.0", "ror-schema-2.0", "--md"],
    "conflicts.txt": ["conflicts"],
    "matrix.txt": ["matrix", SOURCE],
    "matrix-of-one-builder.txt": ["matrix", SOURCE, "--builder", "ror-schema-1.0"],
    "blame.txt": ["blame", SOURCE, "--builder", "ror-schema-1.0"],
    "log.txt": ["log", "-p", SOURCE, "--builder", "ror-schema-1.0"],
}
BATCH = 1000


def main(corpus: str, out: str) -> None:
    directory = Path(out)
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as room:
        path = os.path.join(room, "ror.pith")
        with pithstore.open(path, create=True) as store, gzip.open(corpus) as lines:
            fill(store, lines)
        for name, arguments in COMMANDS.items():
            (directory / name).write_text(run(path, arguments))
        run(path, ["builders", "ror-schema-1.0", "ror-schema-2.0", "--html", str(directory / "builders.html")])


def fill(store: pithstore.Store, lines: Iterator[bytes]) -> None:
    """Put the records, each observed a minute after the one before."""
    moment = datetime(2020, 1, 1, tzinfo=UTC)
    numbered = enumerate(lines, 1)
    while batch := list(islice(numbered, BATCH)):
        store.put_batch([Arrival(store.prepare(line), moment + timedelta(minutes=n)) for n, line in batch])


def run(store: str, arguments: list[str]) -> str:
    """What the command prints, under the command as a person would type it."""
    script = str(Path(sys.executable).with_name("pithstore"))
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    done = subprocess.run(
        [script, "--store", store, *arguments], capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode not in (0, 1):  # 1: there are conflicts
        raise SystemExit(done.stderr)
    return f"$ pithstore {' '.join(arguments)}\n{done.stdout}"


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
