"""The disk is full: each command on a small file system, with less and less room; then room is made again."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from itertools import count

from pithstore.errors import Erased, StorageFailed
from pithstore.store import open as open_store
from pithstore.torture.case import Skipped, Trial
from pithstore.torture.child import in_child
from pithstore.torture.standing import Acknowledgements, Standing
from pithstore.torture.workload import DEEDS, Scene, run

_BYTES = 4 << 20
_ROOM = 400_000
"""At most so many bytes are left when a command begins: it needs more, or nearly as much."""


def trials(room: str, first: int) -> Iterator[Trial]:
    """In turn each deed, on a file system in memory with room for some of what it writes."""
    deeds = sorted(DEEDS)
    with _small(os.path.join(room, "disk")) as disk:
        for seed in count(first):
            for name in os.listdir(disk):
                path = os.path.join(disk, name)
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
            choice = random.Random(seed)
            yield Trial(seed, _finding(disk, room, seed, deeds[seed % len(deeds)], choice))


@contextlib.contextmanager
def _small(disk: str) -> Iterator[str]:
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if mount is None or unmount is None or not sys.platform.startswith("linux"):
        raise Skipped("there is no mount")
    os.mkdir(disk)
    command = [mount, "-t", "tmpfs", "-o", f"size={_BYTES}", "pithstore-torture", disk]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skipped(f"a file system cannot be mounted: {done.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run([unmount, disk], check=True)


def _finding(disk: str, room: str, seed: int, deed: str, choice: random.Random) -> str | None:
    store, said = os.path.join(disk, "store"), os.path.join(room, f"said-{seed}")
    in_child(partial(run, store, said, seed, ("put", "compact", "put", "put")))
    left = _fill(disk, choice.randrange(_ROOM))
    full = in_child(partial(_until_full, store, said, seed, deed))
    read = in_child(partial(_can_be_read, store)).death
    os.unlink(os.path.join(disk, "ballast"))
    with open(said, "rb") as lines:
        after = in_child(partial(Standing.read(lines.read()).faults, store))
    os.unlink(said)
    faults = [each for each in (full.death, full.result, read, after.death, after.result) if each]
    return f"{deed} with room for {left} bytes: {faults}" if faults else None


def _fill(disk: str, left: int) -> int:
    """How many bytes are free, once a file has taken the others."""
    free = os.statvfs(disk)
    with open(os.path.join(disk, "ballast"), "wb") as ballast:
        ballast.write(bytes(max(0, free.f_bavail * free.f_bsize - left)))
    free = os.statvfs(disk)
    return free.f_bavail * free.f_bsize


def _until_full(path: str, said: str, seed: int, deed: str) -> str | None:
    """Do it until there is no room; that must be said, and the same open store must still answer."""
    try:
        store = open_store(path)
    except StorageFailed:
        return None
    with store:
        scene = Scene(store, path, Acknowledgements(said), random.Random(seed))
        try:
            for _ in range(300):
                DEEDS[deed](scene)
                DEEDS["put"](scene)
        except StorageFailed as error:
            if not store.verify().ok:
                return f"verify after {error}"
            return None if "the disk is full" in str(error) else f"it does not say what is wrong: {error}"
    return "it was never full"


def _can_be_read(path: str) -> None:
    with open_store(path, readonly=True) as store:
        for source in store.sources():
            for version in store.history(source):
                with contextlib.suppress(Erased):
                    store.get_bytes(f"{source}@{version.number}")
