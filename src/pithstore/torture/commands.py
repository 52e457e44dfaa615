"""The command line on a damaged store: an exit code of the catalogue and a line that helps, whatever happens."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256

from pithstore.errors import CATALOGUE, EXIT_DIFFERS, EXIT_DONE
from pithstore.torture.case import Trial
from pithstore.torture.damage import flip, sounds

CLI = (sys.executable, "-c", "from pithstore.cli import main; main()")
"""The command `pithstore`, in this Python."""

_PATIENCE = 120
_ENDS = {EXIT_DONE, EXIT_DIFFERS, *(error.exit_code for error in CATALOGUE.values())}


def trials(room: str, first: int) -> Iterator[Trial]:
    """One bit flipped, then one command: what is got is what was put, or an error says why not."""
    for seed, store in sounds(room, first):
        choice = random.Random(seed)
        damaged = os.path.join(room, "damaged")
        shutil.rmtree(damaged, ignore_errors=True)
        shutil.copytree(store.path, damaged)
        flip(choice, os.path.join(damaged, os.path.relpath(store.file, store.path)))
        call, hashed = choice.choice(sorted(store.hashes.items()))
        reference = call.removeprefix("get ")
        arguments = choice.choice(
            (("get", reference), ("get", reference), ("log", reference.partition("@")[0]), ("ls",), ("verify",))
        )
        yield Trial(seed, _finding(damaged, arguments, hashed))


def _finding(store: str, arguments: tuple[str, ...], hashed: str) -> str | None:
    command = [*CLI, "--store", store, *arguments]
    done = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False)
    told = f"{' '.join(arguments)}: exit {done.returncode}: {done.stderr[-600:].decode(errors='replace')}"
    if done.returncode not in _ENDS or b"Traceback" in done.stderr:
        return told
    if done.returncode > EXIT_DIFFERS and not done.stderr.rstrip(b"\n").split(b"\n")[-1].startswith(
        b"pithstore: "
    ):
        return f"no line that helps: {told}"
    if arguments[0] == "get" and not done.returncode and sha256(done.stdout).hexdigest() != hashed:
        return f"wrong bytes: {told}"
    return None
