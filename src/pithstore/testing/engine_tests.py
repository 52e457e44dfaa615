"""What tests of an engine share: how it is opened, numbers that must never be torn, and processes."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest

from pithstore.engine import Engine, Item, Update, View
from pithstore.errors import UsageError
from pithstore.testing.machine import OpenEngine

SPACES = ("left", "right")
EVERYTHING = 1_000_000
_COUNTER = b"counter"
PROCESS_SECONDS = 60
_STILL_SECONDS = 20


def count(view: View) -> int:
    """The number that both spaces hold; an AssertionError when they differ, for that is a torn state."""
    left, right = (view.get_many(space, [_COUNTER])[0] or b"\0" for space in SPACES)
    assert left == right, "one transaction saw two states"
    return int.from_bytes(left, "big")


def bump(tx: Update) -> int:
    """The next number, written to both spaces."""
    number = count(tx) + 1
    for space in SPACES:
        tx.put_many(space, [(_COUNTER, number.to_bytes(8, "big"))])
    return number


def write_numbers(open_engine: OpenEngine, directory: Path, times: int) -> None:
    """Bump that many times, with an engine of its own."""
    with closing(open_engine(directory, SPACES)) as engine:
        for _ in range(times):
            engine.update(bump)


def watch_numbers(open_engine: OpenEngine, directory: Path, last: int) -> None:
    """Count until that number comes, with an engine of its own; the number never falls."""
    with closing(open_engine(directory, SPACES)) as engine:
        watch(engine, last)


def watch(engine: Engine, last: int) -> None:
    """Count until that number comes; the number never falls, and never stays for long."""
    seen, risen = 0, time.monotonic()
    while seen < last:
        number = engine.view(count)
        assert number >= seen, "a later transaction saw an earlier state"
        if number > seen:
            seen, risen = number, time.monotonic()
        assert time.monotonic() - risen < _STILL_SECONDS, f"the number stays at {seen}: updates were lost, or wait"
        time.sleep(0.001)


def use_after_fork(open_engine: OpenEngine, directory: Path, shared: bool) -> None:
    """Fork with an engine open: the child is refused and may open one of its own, the parent goes on."""
    with closing(open_engine(directory, SPACES)) as engine:
        engine.update(bump)
        child = os.fork()
        if child == 0:
            os._exit(_exit_code_of_child(engine, open_engine, directory if shared else None))
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0, "the forked child was not treated as it should"
        assert engine.update(bump) == (3 if shared else 2)


def _exit_code_of_child(engine: Engine, open_engine: OpenEngine, directory: Path | None) -> int:
    try:
        for call in calls_of(engine):
            with pytest.raises(UsageError, match=r"fork.*open"):
                call()
        engine.close()
        if directory:
            write_numbers(open_engine, directory, 1)
    except BaseException as error:  # noqa: BLE001 it must not run into the parent's code
        print(f"forked child: {error!r}", file=sys.stderr, flush=True)  # noqa: T201
        return 1
    return 0


def calls_of(engine: Engine) -> list[Callable[[], object]]:
    """Calls of everything that an engine answers."""
    examine = partial(engine.examine, deep=True)
    return [lambda: engine.view(count), lambda: engine.update(bump), examine, engine.stored_bytes]


def run_processes(
    *calls: tuple[Callable[..., None], tuple[object, ...]], seconds: float = PROCESS_SECONDS
) -> None:
    """Run every function in a new process of its own, all at once; each must return within that time."""
    deadline = time.monotonic() + seconds
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=function, args=arguments) for function, arguments in calls]
    for process in processes:
        process.start()
    for process in processes:
        process.join(max(0, deadline - time.monotonic()))
        process.kill()
        process.join()
    assert [process.exitcode for process in processes] == [0] * len(processes)


def items_of(engine: Engine, space: str = "left") -> list[Item]:
    """All items of a space."""
    return engine.view(lambda view: view.scan(space, limit=EVERYTHING))


def put(engine: Engine, *items: Item, space: str = "left") -> None:
    """Write the items in an update of their own."""
    engine.update(lambda tx: tx.put_many(space, items))


def number_key(number: int) -> bytes:
    """A key that stands where the number does."""
    return number.to_bytes(4, "big")


class EngineTests:
    """Tests of one engine: a subclass says how it is opened."""

    shared_between_processes: ClassVar[bool]
    """Whether `open` in another process, or after `close`, gives the same store."""

    @staticmethod
    def open(directory: Path, spaces: tuple[str, ...]) -> Engine:
        """An engine with these spaces, on what stands at `directory`, or newly created there."""
        raise NotImplementedError

    @pytest.fixture
    def directory(self, tmp_path: Path) -> Path:
        """Where the store is, or will be."""
        return tmp_path / "store"

    @pytest.fixture
    def engine(self, directory: Path) -> Iterator[Engine]:
        """An open, empty engine."""
        with closing(self.open(directory, SPACES)) as engine:
            yield engine

    def _needs_sharing(self) -> None:
        if not self.shared_between_processes:
            pytest.skip("this engine ends with its process")
