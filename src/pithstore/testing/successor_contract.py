"""The part of the contract of an engine that is about successors: a store is written anew while in use."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from pithstore.engine import Engine, Successor, Update, View
from pithstore.errors import StoreBusy, UsageError
from pithstore.testing.engine_tests import (
    EVERYTHING,
    PROCESS_SECONDS,
    SPACES,
    EngineTests,
    bump,
    count,
    items_of,
    put,
    run_processes,
    watch,
)
from pithstore.testing.machine import OpenEngine, Rerunning

_TIMES = 8


def copy_all(view: View, tx: Update) -> int:
    """Write everything that is seen there, over what may be here already; the number that both hold then."""
    for space in SPACES:
        kept = view.scan(space, limit=EVERYTHING)
        tx.create_many(space, kept, rising=True)
        tx.put_many(space, kept)
    return count(tx)


def renew(engine: Engine) -> int:
    """Let a successor take over that holds what the store holds; the number at that time."""
    with closing(engine.successor()) as successor:
        return successor.take_over(copy_all)


def add_nothing(view: View, tx: Update) -> None:
    """The successor is finished as it is."""


class _Interruption(Exception):
    pass


class SuccessorContract(EngineTests):
    """What a successor holds is the store when it takes over, and nothing before; nobody is disturbed."""

    @pytest.fixture
    def successor(self, engine: Engine) -> Iterator[Successor]:
        """The successor of an engine that holds something."""
        put(engine, (b"a", b"1"), (b"b", b"2"))
        put(engine, (b"r", b"1"), space="right")
        with closing(engine.successor()) as successor:
            yield successor

    def test_a_successor_begins_empty(self, engine: Engine, successor: Successor) -> None:
        """It has the engine's spaces, and nothing of what the store holds."""
        assert successor.fresh
        for space in SPACES:
            assert successor.view(lambda view, space=space: view.scan(space, limit=9)) == []  # type: ignore[misc]
        assert items_of(engine) == [(b"a", b"1"), (b"b", b"2")]

    def test_it_is_not_seen_before_it_takes_over(self, engine: Engine, successor: Successor) -> None:
        """What it is given is its own until then; then it is all that there is, in every space."""
        assert (
            successor.update(lambda tx: tx.create_many("left", [(b"a", b"new"), (b"c", b"3")], rising=True)) == 2
        )
        assert successor.view(lambda view: view.get_many("left", [b"a", b"b"])) == [b"new", None]
        assert items_of(engine) == [(b"a", b"1"), (b"b", b"2")]
        assert successor.take_over(
            lambda view, tx: (len(view.scan("left", limit=9)), len(tx.scan("left", limit=9)))
        ) == (
            2,
            2,
        )
        assert items_of(engine) == [(b"a", b"new"), (b"c", b"3")]
        assert items_of(engine, "right") == []
        assert engine.update(bump) == 1
        assert engine.view(lambda view: view.has_many("left", [b"b", b"c"])) == [False, True]

    def test_take_over_finishes_it(self, engine: Engine, successor: Successor) -> None:
        """`fn` reads both and writes to the successor: everything of that is in the store."""
        successor.update(lambda tx: tx.put_many("left", [(b"a", b"early"), (b"z", b"not wanted")]))

        def fn(view: View, tx: Update) -> list[bytes | None]:
            tx.delete_many("left", [b"z"])
            copy_all(view, tx)
            return tx.get_many("left", [b"a", b"z"])

        assert successor.take_over(fn) == [b"1", None]
        assert items_of(engine) == [(b"a", b"1"), (b"b", b"2")]
        assert items_of(engine, "right") == [(b"r", b"1")]

    def test_it_sees_updates_until_it_takes_over(self, engine: Engine, successor: Successor) -> None:
        """Others write while it is written; `fn` is given the store with all of that."""
        engine.view(lambda view: successor.update(lambda tx: copy_all(view, tx)))
        for number in range(1, 4):
            assert engine.update(bump) == number
        engine.update(lambda tx: tx.delete_many("left", [b"a"]))
        seen = successor.take_over(lambda view, tx: (view.scan("left", limit=9), copy_all(view, tx)))
        assert [key for key, _ in seen[0]] == [b"b", b"counter"]
        assert seen[1] == 3
        assert engine.update(bump) == 4

    @pytest.mark.parametrize("error", [_Interruption, KeyboardInterrupt, FileNotFoundError, KeyError])
    def test_an_exception_changes_nothing(
        self, engine: Engine, successor: Successor, error: type[BaseException]
    ) -> None:
        """The store and the successor are as before; others write, and it takes over later."""
        successor.update(lambda tx: tx.put_many("left", [(b"c", b"3")]))

        def fn(view: View, tx: Update) -> None:
            copy_all(view, tx)
            raise error

        with pytest.raises(error):
            successor.take_over(fn)
        assert items_of(engine) == [(b"a", b"1"), (b"b", b"2")]
        assert successor.view(lambda view: view.scan("left", limit=9)) == [(b"c", b"3")]
        assert engine.update(bump) == 1
        successor.take_over(add_nothing)
        assert items_of(engine) == [(b"c", b"3")]

    def test_its_updates_are_whole(self, successor: Successor) -> None:
        """An exception in an update of the successor takes all its writes back."""

        def fn(tx: Update) -> None:
            tx.put_many("left", [(b"c", b"3")])
            raise _Interruption

        with pytest.raises(_Interruption):
            successor.update(fn)
        assert successor.view(lambda view: view.scan("left", limit=9)) == []

    def test_discarded(self, engine: Engine, successor: Successor) -> None:
        """What was written is gone, the store is not, and the next one begins empty; discarding again is fine."""
        before = engine.stored_bytes()
        successor.update(lambda tx: tx.put_many("left", [(b"%d" % n, bytes(5000)) for n in range(100)]))
        assert engine.stored_bytes() > before + 400_000
        successor.discard()
        successor.discard()
        successor.close()
        assert engine.stored_bytes() <= before
        with closing(engine.successor()) as another:
            assert another.fresh
            assert another.view(lambda view: view.scan("left", limit=9)) == []
        assert items_of(engine) == [(b"a", b"1"), (b"b", b"2")]

    def test_closed_and_gone_on_with(self, engine: Engine, successor: Successor) -> None:
        """What a closed one was given is there in the next, as often as one likes."""
        for number in range(3):
            assert successor.update(bump) == number + 1
            successor.close()
            engine.update(lambda tx: tx.put_many("left", [(b"a", b"later")]))
            successor = engine.successor()
            assert not successor.fresh
        with closing(successor):
            successor.take_over(lambda view, tx: tx.put_many("left", view.scan("left", limit=1)))
        assert engine.view(count) == 3
        assert items_of(engine)[0] == (b"a", b"later")
        with closing(engine.successor()) as following:
            assert following.fresh

    def test_an_interrupted_one_holds_nothing_of_a_take_over(self, engine: Engine, successor: Successor) -> None:
        """What a `take_over` wrote that failed is not found by the next one."""

        def fn(view: View, tx: Update) -> None:
            tx.put_many("left", view.scan("left", limit=9))
            raise _Interruption

        successor.update(bump)
        with pytest.raises(_Interruption):
            successor.take_over(fn)
        successor.close()
        with closing(engine.successor()) as following:
            assert not following.fresh
            assert [key for key, _ in following.view(lambda view: view.scan("left", limit=9))] == [b"counter"]

    def test_an_empty_one_is_fresh(self, engine: Engine, successor: Successor) -> None:
        """One that was closed before it was given anything is as good as new."""
        successor.close()
        with closing(engine.successor()) as another:
            assert another.fresh

    def test_again_and_again(self, engine: Engine) -> None:
        """Each successor is the store, until the next; what space it does not need is given back."""
        put(engine, *((b"%03d" % n, bytes(5000)) for n in range(200)))
        before = engine.stored_bytes()
        engine.update(lambda tx: tx.delete_many("left", [b"%03d" % n for n in range(180)]))
        for number in range(1, 6):
            assert engine.update(bump) == number
            assert renew(engine) == number
        assert len(items_of(engine)) == 21
        assert engine.stored_bytes() < before / 2

    def test_functions_may_run_again(self, engine: Engine) -> None:
        """A run that does not count leaves no trace in the successor either."""
        put(engine, (b"a", b"1"))
        runs: list[int] = []

        def fn(view: View, tx: Update) -> int:
            runs.append(len(view.scan("left", limit=9)))
            return bump(tx)

        with closing(Rerunning(engine).successor()) as successor:
            assert [successor.update(bump) for _ in range(3)] == [1, 2, 3]
            assert successor.view(count) == 3
            assert successor.take_over(fn) == 4
        assert runs == [1, 1]
        assert engine.view(count) == 4

    # Beside others.

    def test_one_at_a_time(self, engine: Engine, successor: Successor) -> None:
        """While one is open there is no other; then there is."""
        for _ in range(2):
            with pytest.raises(StoreBusy):
                engine.successor()
        assert successor.update(bump) == 1
        successor.take_over(copy_all)
        with closing(engine.successor()) as another:
            assert another.fresh
            with pytest.raises(StoreBusy):
                engine.successor()

    def test_a_view_goes_on(self, engine: Engine, successor: Successor) -> None:
        """A view that runs while a successor takes over keeps its state, and holds nobody up."""
        taken = threading.Event()

        def take_over() -> None:
            successor.take_over(lambda _, tx: tx.put_many("left", [(b"a", b"new")]))
            taken.set()

        other = threading.Thread(target=take_over)

        def fn(view: View) -> None:
            assert view.get_many("left", [b"a"]) == [b"1"]
            other.start()
            assert taken.wait(PROCESS_SECONDS)
            assert view.scan("left", limit=9) == [(b"a", b"1"), (b"b", b"2")]

        engine.view(fn)
        other.join(PROCESS_SECONDS)
        assert items_of(engine) == [(b"a", b"new")]

    def test_successors_beside_threads(self, engine: Engine) -> None:
        """Threads write and read while successors take over: no update is lost, none comes back."""
        with ThreadPoolExecutor(4) as pool:
            writers = [pool.submit(lambda: [engine.update(bump) for _ in range(50)]) for _ in range(2)]
            readers = [pool.submit(watch, engine, 100) for _ in range(2)]
            for _ in range(_TIMES):
                renew(engine)
            numbers = [number for writer in writers for number in writer.result(PROCESS_SECONDS)]
            for reader in readers:
                reader.result(PROCESS_SECONDS)
        assert sorted(numbers) == list(range(1, 101))
        assert engine.view(count) == 100

    def test_successors_beside_processes(self, engine: Engine, directory: Path) -> None:
        """So do other processes, and everybody follows."""
        self._needs_sharing()
        run_processes(
            (_write_and_renew, (self.open, directory, 60)),
            (_write_and_renew, (self.open, directory, 60)),
            (_watch, (self.open, directory, 120)),
            (_watch, (self.open, directory, 120)),
        )
        assert engine.update(bump) == 121

    # Misuse is refused in words.

    def test_of_no_use_afterwards(self, engine: Engine) -> None:
        """One that took over, was closed or discarded answers nothing and harms nothing, whatever is called."""
        put(engine, (b"a", b"1"))
        for end in ("take_over", "close", "discard", "the engine is closed"):
            successor = engine.successor()
            if end == "the engine is closed":
                engine.close()
            else:
                getattr(successor, end)(*([copy_all] if end == "take_over" else []))
            for call in _calls_of(successor):
                with pytest.raises(UsageError, match="closed"):
                    call()
            successor.close()
            successor.discard()
            if end != "the engine is closed":
                assert items_of(engine) == [(b"a", b"1")]

    def test_what_would_wait_for_itself(self, engine: Engine, successor: Successor) -> None:
        """Inside a transaction neither its own engine nor its own successor is asked for another one."""
        calls: list[Callable[[], object]] = [*_calls_of(successor), successor.close, successor.discard]
        of_engine: list[Callable[[], object]] = [lambda: engine.view(count), lambda: engine.update(bump)]
        of_engine += [engine.successor, lambda: successor.take_over(copy_all)]

        def refused(calls: list[Callable[[], object]]) -> None:
            for call in calls:
                with pytest.raises(UsageError, match="transaction"):
                    call()

        for run in (successor.view, successor.update):
            run(lambda _: refused(calls))
        for run in (engine.view, engine.update):
            run(lambda _: refused(of_engine))

        def fn(view: View, tx: Update) -> None:
            copy_all(view, tx)
            refused(calls + of_engine)

        successor.take_over(fn)
        assert items_of(engine) == [(b"a", b"1"), (b"b", b"2")]

    def test_successor_in_a_fork(self, directory: Path) -> None:
        """A forked child cannot use its parent's successor, and does it no harm."""
        if not hasattr(os, "fork"):
            pytest.skip("this system cannot fork")
        run_processes((_fork_beside_a_successor, (self.open, directory)))


def _calls_of(successor: Successor) -> list[Callable[[], object]]:
    return [
        lambda: successor.view(count),
        lambda: successor.update(bump),
        lambda: successor.take_over(copy_all),
    ]


def _write_and_renew(open_engine: OpenEngine, directory: Path, times: int) -> None:
    with closing(open_engine(directory, SPACES)) as engine:
        for number in range(times):
            engine.update(bump)
            if number % 6 == 0:
                try:
                    renew(engine)
                except StoreBusy:
                    continue


def _watch(open_engine: OpenEngine, directory: Path, last: int) -> None:
    with closing(open_engine(directory, SPACES)) as engine:
        watch(engine, last)


def _fork_beside_a_successor(open_engine: OpenEngine, directory: Path) -> None:
    with closing(open_engine(directory, SPACES)) as engine, closing(engine.successor()) as successor:
        successor.update(bump)
        child = os.fork()
        if child == 0:
            os._exit(_exit_code_of_child(successor))
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0, "the forked child was not treated as it should"
        assert successor.update(bump) == 2
        successor.take_over(add_nothing)
        assert engine.view(count) == 2


def _exit_code_of_child(successor: Successor) -> int:
    try:
        for call in _calls_of(successor):
            with pytest.raises(UsageError, match=r"fork.*open"):
                call()
        successor.discard()
        successor.close()
    except BaseException as error:  # noqa: BLE001 it must not run into the parent's code
        print(f"forked child: {error!r}", file=sys.stderr, flush=True)  # noqa: T201
        return 1
    return 0
