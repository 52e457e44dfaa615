"""Each system call of a put that touches the store fails once: for the medium, for a full one, for a signal."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice

import attrs

from pithstore.store import Store
from pithstore.store import open as open_store
from pithstore.torture.case import Skipped, Trial
from pithstore.torture.child import in_child
from pithstore.torture.commands import CLI
from pithstore.torture.standing import Standing
from pithstore.torture.workload import records, run

_ERRORS = ("EIO", "ENOSPC", "EINTR")
_CALL = re.compile(r"^\d+ +(\w+)\(")
_PATIENCE = 120


@attrs.frozen
class _Failing:
    """The n-th call of that name, and the error that it gives instead of being made."""

    name: str
    number: int
    error: str

    def __str__(self) -> str:
        return f"{self.name} number {self.number} gives {self.error}"


def trials(room: str, first: int) -> Iterator[Trial]:
    """Every call with every error, in an order by chance that is always the same; a seed is a place in it."""
    if shutil.which("strace") is None:
        raise Skipped("there is no strace")
    put = _Put(room)
    failing = [
        _Failing(name, n + 1, error) for name, times in put.calls() for n in range(times) for error in _ERRORS
    ]
    random.Random(0).shuffle(failing)
    for seed, each in islice(enumerate(failing), first % max(1, len(failing)), None):
        yield Trial(seed, put.finding(each))


class _Put:
    """The command `put FILE` into a store that holds something, made anew each time."""

    def __init__(self, room: str) -> None:
        self._kept, self._store = os.path.join(room, "kept"), os.path.join(room, "store")
        self._said, self._file, self._log = (os.path.join(room, name) for name in ("said", "new.jsonl", "log"))
        in_child(partial(run, self._kept, self._said, 1, ("put", "put", "compact", "put")))
        with open(self._file, "w", encoding="ascii") as file:
            file.writelines(json.dumps(record) + "\n" for record in records(random.Random(2), 4))

    def calls(self) -> list[tuple[str, int]]:
        """The names of the system calls that touch the store, and how often each is made."""
        done = self._run([])
        if not os.path.exists(self._log) or done.returncode:
            raise Skipped(f"strace does not work here: {done.stderr.strip()}")
        with open(self._log, encoding="utf-8", errors="replace") as log:
            names = Counter(found[1] for line in log if (found := _CALL.match(line)))
        return sorted(names.items())

    def finding(self, failing: _Failing) -> str | None:
        """What is wrong after the put in which that call failed, and after the next one."""
        done = self._run([f"-einject={failing.name}:error={failing.error}:when={failing.number}"])
        if "Traceback" in done.stderr or done.returncode not in (0, 3, 10, 11, 12, 14, 15):
            return f"{failing}: exit {done.returncode}: {done.stderr[-600:]}"
        if done.returncode and not done.stderr.startswith("pithstore: "):
            return f"{failing}: exit {done.returncode} without a word: {done.stderr!r}"
        faults = self._faults(new=not done.returncode)
        return f"{failing}: exit {done.returncode} {done.stderr.strip()}: {faults}" if faults else None

    def _run(self, options: Sequence[str]) -> subprocess.CompletedProcess[str]:
        shutil.rmtree(self._store, ignore_errors=True)
        shutil.copytree(self._kept, self._store)
        inside = [os.path.join(here, name) for here, one, two in os.walk(self._store) for name in one + two]
        paths = [f"-P{path}" for path in (self._store, *inside, os.path.join(self._store, "RECEIPT"))]
        strace = ["strace", "-f", "-qq", "-o", self._log, *dict.fromkeys(paths), *options]
        command = [*strace, *CLI, "--store", self._store, "put", self._file]
        return subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)

    def _faults(self, *, new: bool) -> object:
        with open(self._said, "rb") as said:
            standing = Standing.read(said.read())
        ended = in_child(partial(_faults, standing, self._store, self._file, new=new))
        return ended.death or ended.result


def _faults(standing: Standing, path: str, file: str, *, new: bool) -> list[str]:
    """What is wrong with the store; what was not acknowledged is put again first."""
    with open(file, "rb") as lines, open_store(path) as store:
        texts = lines.read().splitlines()
        if not new:
            store.put_many(texts)
        missing = [text[:80] for text in texts if not _is_there(store, text)]
    return [f"acknowledged, and not there: {text!r}" for text in missing] + standing.faults(path)


def _is_there(store: Store, text: bytes) -> bool:
    prepared = store.prepare(text)
    return any(version.snapshot == prepared.snapshot for version in store.history(prepared.line.source))
