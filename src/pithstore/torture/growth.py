"""Four processes write and grow the map, four read, and one has the store open all the time and does nothing."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from functools import partial
from itertools import count

from pithstore.engine.lmdb import LmdbEngine
from pithstore.errors import NotFound
from pithstore.keys import LATER_SPACES, SPACES
from pithstore.store import Store
from pithstore.torture.case import Trial
from pithstore.torture.child import in_child, start
from pithstore.torture.standing import Acknowledgements, Standing
from pithstore.torture.workload import Scene, put, run

_WRITERS = _READERS = 4
_PUTS = 60
_FIRST_MAP = 1 << 20
_AT_MOST = 1.5


def trials(room: str, first: int) -> Iterator[Trial]:
    """Two runs of the same puts each, with the one that does nothing and without."""
    for seed in count(first):
        alone, sizes = _run(room, seed, idle=False)
        faults, grown = _run(room, seed, idle=True)
        faults += alone
        if grown > _AT_MOST * sizes:
            faults.append(f"{grown} bytes beside an idle reader, {sizes} without")
        yield Trial(seed, str(faults) if faults else None)


def _run(room: str, seed: int, *, idle: bool) -> tuple[list[str], int]:
    """What went wrong, and how long the data file is afterwards."""
    shutil.rmtree(os.path.join(room, "store"), ignore_errors=True)
    store, said, wrong = (os.path.join(room, name) for name in ("store", "said", "wrong"))
    for path in (said, wrong):
        with open(path, "wb"):
            pass
    in_child(partial(run, store, said, seed, ("put",)))
    beside = [start(partial(_reported, wrong, partial(_read, store, seed + i))) for i in range(_READERS)]
    beside += [start(partial(_reported, wrong, partial(_idle, store)))] if idle else []
    writers = [start(partial(_reported, wrong, partial(_write, store, said, seed + i))) for i in range(_WRITERS)]
    for writer in writers:
        os.waitpid(writer, 0)
    for child in beside:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    with open(said, "rb") as lines, open(wrong, encoding="utf-8") as words:
        standing, faults = Standing.read(lines.read()), words.read().splitlines()
    size = os.path.getsize(os.path.join(store, "gen-000001", "data.mdb"))
    ended = in_child(partial(standing.faults, store))
    return faults + [str(each) for each in (ended.death, ended.result) if each], size


def _reported(wrong: str, work: partial[None]) -> None:
    try:
        work()
    except Exception as error:  # noqa: BLE001 - whatever reaches the user is a finding
        with open(wrong, "a", encoding="utf-8") as words:
            words.write(f"{type(error).__name__}: {error}\n".replace("\n", " ") + "\n")


def _opened(path: str, *, readonly: bool) -> Store:
    """The store with a map that has to grow."""
    later, size = LATER_SPACES, _FIRST_MAP
    return Store(LmdbEngine.open(path, SPACES, later=later, readonly=readonly, map_size=size))


def _write(path: str, said: str, seed: int) -> None:
    choice = random.Random(seed)
    with _opened(path, readonly=False) as store:
        for _ in range(_PUTS):
            put(Scene(store, path, Acknowledgements(said), choice))


def _read(path: str, seed: int) -> None:
    choice = random.Random(seed)
    with _opened(path, readonly=True) as store:
        while True:
            source = choice.choice(list(store.sources()))
            with contextlib.suppress(NotFound):  # a number too high
                store.get_bytes(f"{source}@{choice.randrange(1, 30)}")


def _idle(path: str) -> None:
    with _opened(path, readonly=True) as store:
        store.stat()
        time.sleep(3600)
