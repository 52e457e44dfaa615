"""The data file is damaged: bits flipped, bytes cut off, garbage in its place, an old copy put back.

Whatever was done, no call may answer otherwise than before without an alarm: it answers as before, it says what is
wrong, or verify does.  Reading such a file may end the process that reads it: it is a child here.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count

from pithstore.torture.answers import Answers, answers
from pithstore.torture.case import Trial
from pithstore.torture.child import in_child
from pithstore.torture.workload import run

_STEPS = (("put",) * 6, ("put", "put", "compact"), ("put", "compact", "put", "put", "put"))
_TRIALS_OF_A_STORE = 500
_DEADLY = ("SIGBUS", "SIGSEGV", "SIGABRT")
_SHOWN = 3


def flips(room: str, first: int) -> Iterator[Trial]:
    """One bit flipped anywhere, in one small store after the other."""
    for seed, store in sounds(room, first):
        yield Trial(seed, store.finding(partial(flip, random.Random(seed))))


def truncations(room: str, first: int) -> Iterator[Trial]:
    """A small store cut at each page boundary, one byte further, and to nothing."""
    store = Sound.made(room, first)
    size = os.path.getsize(store.file)
    lengths = sorted(
        {length for page in range(0, size, 4096) for length in (page, page + 1, page + 4095)} - {size}
    )
    for number, length in enumerate(lengths):
        if length < size:
            yield Trial(number, store.finding(partial(os.truncate, length=length)))


def garbage(room: str, first: int) -> Iterator[Trial]:
    """A page or all of the file overwritten by zeros, by random bytes or by another page."""
    for seed, store in sounds(room, first):
        yield Trial(seed, store.finding(partial(_overwrite, random.Random(seed))))


def old_copies(room: str, first: int) -> Iterator[Trial]:
    """The data file as it was some commits ago, put back under the store."""
    for seed in count(first):
        choice = random.Random(seed)
        store = Sound.made(room, seed)
        old = os.path.join(room, "old")
        shutil.copyfile(store.file, old)
        in_child(partial(run, store.path, os.devnull, seed + 1, ("put",) * choice.randrange(1, 4)))
        yield Trial(seed, Sound.of(room).finding(partial(_replace, old)))


class Sound:
    """A small store and what it answers; damage is done to it and undone."""

    def __init__(self, path: str, said: Answers) -> None:
        self.path = path
        with open(os.path.join(path, "CURRENT"), encoding="ascii") as current:
            self.file = os.path.join(path, current.read().strip(), "data.mdb")
        self._said = said

    @property
    def hashes(self) -> dict[str, str]:
        """The hash of each record, by the call that gets it by its number."""
        return {
            call: said for call, said in self._said.said.items() if call.startswith("get ") and _is_number(call)
        }

    @classmethod
    def made(cls, room: str, seed: int) -> Sound:
        """The store of that seed, in the place of all that is in the room."""
        for other in os.listdir(room):
            shutil.rmtree(os.path.join(room, other), ignore_errors=True)
        path = os.path.join(room, "sound", "store")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        in_child(partial(run, path, os.devnull, seed, _STEPS[seed % len(_STEPS)]))
        return cls.of(room)

    @classmethod
    def of(cls, room: str) -> Sound:
        """The store that is in the room, with what it answers now."""
        path = os.path.join(room, "sound", "store")
        ended = in_child(partial(answers, path))
        assert isinstance(ended.result, Answers), ended.death  # noqa: S101 - the undamaged store
        return cls(path, ended.result)

    def finding(self, damage: Callable[[str], object]) -> str | None:
        """What is wrong with the answers of the damaged store; it is as before afterwards."""
        kept = f"{self.file}.kept"
        shutil.copyfile(self.file, kept)
        try:
            damage(self.file)
            ended = in_child(partial(answers, self.path))
        finally:
            _replace(kept, self.file)
            os.unlink(kept)
        if ended.death in _DEADLY:
            return None  # the command line forks; see `isolation`
        if not isinstance(ended.result, Answers):
            return f"not an error of ours: {ended.death}"
        return _judged(self._said, ended.result)


def _judged(sound: Answers, damaged: Answers) -> str | None:
    other = [call for call, said in damaged.said.items() if sound.said.get(call) not in (None, said)]
    wrong = [call for call in other if call.startswith("get ") and _is_exact(call)]
    if wrong:
        return f"wrong bytes: {wrong[:_SHOWN]}"
    missing = sound.said.keys() - damaged.said.keys() - damaged.refused.keys()
    if (other or missing) and not damaged.alarmed:
        return f"silent: {other[:_SHOWN]} {sorted(missing)[:_SHOWN]}"
    lost = {call.split()[1] for call in damaged.refused if call.startswith("get ") and _is_number(call)}
    if lost and not damaged.problems:
        return f"verify is clean, but {sorted(lost)[:_SHOWN]} cannot be read: {damaged.refused}"
    return None


def _is_exact(call: str) -> bool:
    return _is_number(call) or "@sha256:" in call


def _is_number(call: str) -> bool:
    return call.rpartition("@")[2].isdigit()


def sounds(room: str, first: int) -> Iterator[tuple[int, Sound]]:
    """Each seed from the first on, with a store; it is another one after some hundred seeds."""
    store: Sound | None = None
    for seed in count(first):
        if store is None or seed % _TRIALS_OF_A_STORE == 0:
            store = Sound.made(room, seed // _TRIALS_OF_A_STORE)
        yield seed, store


def flip(choice: random.Random, path: str) -> None:
    """Flip one bit of the file."""
    position = choice.randrange(os.path.getsize(path))
    with open(path, "r+b") as file:
        file.seek(position)
        (byte,) = file.read(1)
        file.seek(position)
        file.write(bytes([byte ^ 1 << choice.randrange(8)]))


def _overwrite(choice: random.Random, path: str) -> None:
    size = os.path.getsize(path)
    pages = range(0, size, 4096)
    with open(path, "r+b") as file:
        file.seek(choice.choice(pages))
        other = file.read(4096)
        at, length = choice.choice([(0, 8192), (0, size), *[(page, 4096) for page in choice.sample(pages, 6)]])
        file.seek(at)
        file.write(
            choice.choice([bytes(length), choice.randbytes(length), (other * (length // 4096 + 1))[:length]])
        )


def _replace(old: str, path: str) -> None:
    with open(old, "rb") as before, open(path, "r+b") as file:
        file.write(before.read())
        file.truncate()
