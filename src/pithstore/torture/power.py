"""The power is cut: after any write, with any of what was not synced lost or torn."""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections.abc import Iterator, Sequence
from functools import partial

from pithstore.torture.case import Trial
from pithstore.torture.child import in_child
from pithstore.torture.images import Medium, write_image
from pithstore.torture.recording import Deed, record
from pithstore.torture.standing import Standing

_STEPS = ("put", "put", "put", "compact", "put", "put", "compact", "put")
_IMAGES_OF_A_RECORDING = 500
_LIKELY = (0.0, 0.5, 0.5, 0.5, 0.9, 1.0)


def trials(room: str, first: int) -> Iterator[Trial]:
    """A recording of puts and compactions, cut at moments chosen by chance, then the next one.

    The seed of a trial is that of its recording times 500, and the image's number in it.
    """
    recording, number = divmod(first, _IMAGES_OF_A_RECORDING)
    while True:
        deeds = recorded(os.path.join(room, "recorded"), recording)
        for image in range(number, _IMAGES_OF_A_RECORDING):
            seed = recording * _IMAGES_OF_A_RECORDING + image
            yield Trial(seed, finding(deeds, room, seed))
        recording, number = recording + 1, 0


def recorded(root: str, seed: int) -> list[Deed]:
    """What a process did that put records and compacted, in that directory."""
    shutil.rmtree(root, ignore_errors=True)
    os.mkdir(root)
    store, said = os.path.join(root, "store"), os.path.join(root, "said")
    return record([sys.executable, "-m", "pithstore.torture.workload", store, said, str(seed), *_STEPS], root)


def finding(deeds: Sequence[Deed], room: str, seed: int) -> str | None:
    """What is wrong with the store after a cut by chance; the deeds are those in `recorded` in the room."""
    choice = random.Random(seed)
    cut = choice.randrange(len(deeds) + 1)
    root, image = os.path.join(room, "recorded"), os.path.join(room, "image")
    medium = Medium(root)
    for deed in deeds[:cut]:
        medium.do(deed)
    shutil.rmtree(image, ignore_errors=True)
    os.mkdir(image)
    write_image(medium.image(choice, choice.choice(_LIKELY)), image)
    said = medium.read(os.path.join(root, "said"))
    ended = in_child(partial(Standing.read(said).faults, os.path.join(image, "store")))
    faults = [ended.death] if ended.death else ended.result
    return f"cut after {cut} of {len(deeds)} deeds: {faults}" if faults else None
