"""The process is killed (SIGKILL) at any moment, in the middle of anything that writes."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from functools import partial
from itertools import count

from pithstore.torture.case import Trial
from pithstore.torture.child import in_child, start
from pithstore.torture.standing import Standing
from pithstore.torture.workload import DEEDS, for_ever, run

_TRIALS_OF_A_STORE = 20
_LONGEST = 0.2
"""Seconds that a process has at most before it is killed: some are killed before they open the store."""


def trials(room: str, first: int) -> Iterator[Trial]:
    """Kills in turn of each deed; twenty one after the other befall the same store, which so goes on."""
    deeds = sorted(DEEDS)
    for seed in count(first):
        store, said = os.path.join(room, "store"), os.path.join(room, "said")
        if seed % _TRIALS_OF_A_STORE == 0 or not os.path.exists(store):
            for other in os.listdir(room):
                path = os.path.join(room, other)
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
            in_child(partial(run, store, said, seed, ("put", "put", "compact", "put")))
        deed = deeds[seed % len(deeds)]
        _kill(seed, partial(for_ever, store, said, seed, deed))
        with open(said, "rb") as file:
            standing = Standing.read(file.read())
        ended = [
            in_child(partial(standing.faults, store)),
            in_child(partial(standing.faults_of_copy, f"{store}.copy")),
        ]
        faults = [each for one in ended for each in (one.death, one.result) if each]
        yield Trial(seed, f"killed during {deed}: {faults}" if faults else None)


def _kill(seed: int, work: partial[None]) -> None:
    child = start(work)
    time.sleep(random.Random(seed).random() * _LONGEST)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
