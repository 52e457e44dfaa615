"""The part of the contract of an engine that is about transactions: all or nothing, one state, one owner."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest

from pithstore.engine import Engine, Item, Update, View
from pithstore.errors import UsageError
from pithstore.testing.engine_tests import (
    PROCESS_SECONDS,
    SPACES,
    EngineTests,
    bump,
    calls_of,
    count,
    items_of,
    number_key,
    put,
    run_processes,
    use_after_fork,
    watch,
    watch_numbers,
    write_numbers,
)
from pithstore.testing.machine import Rerunning

_MANY_UPDATES = 20_000


class _Interruption(Exception):
    pass


class TransactionContract(EngineTests):
    """All of a transaction happens, or nothing; it sees one state, and ends with its function."""

    @pytest.mark.parametrize("error", [_Interruption, KeyboardInterrupt, FileNotFoundError, KeyError])
    def test_an_exception_leaves_no_trace(self, engine: Engine, error: type[BaseException]) -> None:
        """Whatever leaves the function as an exception takes all its writes back, and comes out as it is."""
        put(engine, (b"a", b"1"), (b"b", b"2"))

        def fn(tx: Update) -> None:
            tx.put_many("left", [(b"a", b"changed"), (b"new", b"")])
            tx.create_many("right", [(b"new", b"")], rising=True)
            tx.delete_many("left", [b"b"])
            raise error

        with pytest.raises(error):
            engine.update(fn)
        assert items_of(engine) == [(b"a", b"1"), (b"b", b"2")]
        assert items_of(engine, "right") == []
        assert engine.update(bump) == 1

    def test_an_exception_from_the_items_leaves_no_trace(self, engine: Engine) -> None:
        """Items may come from a generator, and it may fail half-way."""

        def items() -> Iterator[Item]:
            yield b"a", b"1"
            raise _Interruption

        for write in ("create_many", "put_many"):
            with pytest.raises(_Interruption):
                engine.update(lambda tx, name=write: getattr(tx, name)("left", items()))  # type: ignore[misc]
        assert items_of(engine) == []

    def test_a_function_may_run_again(self, engine: Engine) -> None:
        """A run that does not count leaves no trace, so a function of its transaction alone may run twice."""
        runs: list[int] = []

        def fn(tx: Update) -> int:
            runs.append(0)
            return bump(tx) + tx.create_many("left", [(number_key(len(runs) // 2), b"")])

        again = Rerunning(engine)
        assert [again.update(fn) for _ in range(5)] == [2, 3, 4, 5, 6]
        assert again.view(count) == 5
        assert len(runs) == 10

    def test_a_view_sees_one_state(self, engine: Engine) -> None:
        """A view keeps the state that it began with, though an update ends meanwhile."""
        put(engine, (b"a", b"1"))
        other = threading.Thread(target=put, args=(engine, (b"a", b"2"), (b"b", b"2")))

        def fn(view: View) -> None:
            first = view.get_many("left", [b"a", b"b"])
            other.start()
            other.join(0.5)  # an engine may as well let the update wait for us
            assert view.get_many("left", [b"a", b"b"]) == first == [b"1", None]
            assert view.scan("left", limit=9) == [(b"a", b"1")]

        engine.view(fn)
        other.join(PROCESS_SECONDS)
        assert items_of(engine) == [(b"a", b"2"), (b"b", b"2")]

    def test_threads(self, engine: Engine) -> None:
        """Updates come one after the other: none is lost, none seen by halves, and each sees those before it."""

        def fn(tx: Update) -> int:
            count(tx)
            time.sleep(0.0001)  # so that another thread runs between reading and writing
            return bump(tx)

        with ThreadPoolExecutor(6) as pool:
            writers = [pool.submit(lambda: [engine.update(fn) for _ in range(50)]) for _ in range(4)]
            readers = [pool.submit(watch, engine, 200) for _ in range(2)]
            numbers = [number for writer in writers for number in writer.result(PROCESS_SECONDS)]
            for reader in readers:
                reader.result(PROCESS_SECONDS)
        assert sorted(numbers) == list(range(1, 201))

    def test_close_beside_updates(self, engine: Engine, directory: Path) -> None:
        """Closing beside running updates: each of them either counts or is told that the store is closed."""

        def write() -> int:
            for number in range(_MANY_UPDATES):
                try:
                    engine.update(bump)
                except UsageError as error:
                    assert "closed" in str(error)  # noqa: PT017 it is not known which call will raise
                    return number
            raise AssertionError("updates went on after closing")

        with ThreadPoolExecutor(4) as pool:
            writers = [pool.submit(write) for _ in range(4)]
            try:
                watch(engine, 20)
            finally:
                engine.close()
            written = sum(writer.result(PROCESS_SECONDS) for writer in writers)
        if self.shared_between_processes:
            with closing(self.open(directory, SPACES)) as engine:
                assert engine.view(count) == written

    # Misuse is refused in words.

    def test_closed(self, engine: Engine) -> None:
        """A closed engine answers nothing, and says so; closing again is fine."""
        put(engine, (b"a", b"1"))
        engine.close()
        engine.close()
        for call in calls_of(engine):
            with pytest.raises(UsageError, match="closed"):
                call()

    @pytest.mark.parametrize("outer", ["view", "update"])
    @pytest.mark.parametrize("inner", ["view", "update", "close"])
    def test_nested(self, engine: Engine, outer: str, inner: str) -> None:
        """What would wait for its own thread is refused; the outer transaction and the engine go on."""

        def fn(tx: Update) -> int:
            with pytest.raises(UsageError, match="transaction"):
                getattr(engine, inner)(*([] if inner == "close" else [count]))
            return bump(tx) if outer == "update" else count(tx)

        assert getattr(engine, outer)(fn) == (1 if outer == "update" else 0)
        assert engine.update(bump) == (2 if outer == "update" else 1)

    def test_two_engines_nest(self, engine: Engine, tmp_path: Path) -> None:
        """A transaction of one store may run inside one of another store: that is how one is copied."""
        put(engine, (b"a", b"1"))
        with closing(self.open(tmp_path / "other", SPACES)) as other:
            engine.view(lambda view: put(other, *view.scan("left", limit=9)))
            assert items_of(other) == [(b"a", b"1")]

    @pytest.mark.parametrize("fails", [False, True])
    def test_escaped(self, engine: Engine, fails: bool) -> None:
        """A transaction is of no use after its call, however that ended."""
        escaped: list[View] = []

        def fn(tx: View) -> None:
            escaped.append(tx)
            if fails:
                raise _Interruption

        with suppress(_Interruption):
            engine.update(fn)
        with suppress(_Interruption):
            engine.view(fn)
        _refuses_everything(escaped[0], "left")
        _refuses_everything(escaped[1], "left", reads_only=True)
        assert items_of(engine) == []

    def test_unknown_space(self, engine: Engine) -> None:
        """A space that was not named at opening is refused by its name."""
        engine.update(lambda tx: _refuses_everything(tx, "nowhere", match="nowhere"))
        engine.view(lambda view: _refuses_everything(view, "nowhere", match="nowhere", reads_only=True))

    def test_fork(self, directory: Path) -> None:
        """A forked child cannot use its parent's engine, is told so, and does the parent no harm."""
        if not hasattr(os, "fork"):
            pytest.skip("this system cannot fork")
        # In a process with one thread: with several, forking warns.
        run_processes((use_after_fork, (self.open, directory, self.shared_between_processes)))

    # Other processes, and later.

    def test_reopened(self, directory: Path) -> None:
        """What was written is there after closing, and more than once."""
        self._needs_sharing()
        for number in range(1, 4):
            with closing(self.open(directory, SPACES)) as engine:
                assert engine.update(bump) == number
        with closing(self.open(directory, SPACES)) as engine:
            assert engine.view(count) == 3

    def test_processes(self, engine: Engine, directory: Path) -> None:
        """Other processes write and read at the same time: no update is lost, none seen by halves."""
        self._needs_sharing()
        writers = [(write_numbers, (self.open, directory, 60))] * 2
        readers = [(watch_numbers, (self.open, directory, 120))] * 2
        run_processes(*writers, *readers)
        assert engine.update(bump) == 121


def _refuses_everything(tx: View, space: str, *, match: str = "transaction", reads_only: bool = False) -> None:
    calls: dict[str, tuple[object, ...]] = {"get_many": ([b"a"],), "has_many": ([b"a"],), "scan": ()}
    if not reads_only:
        calls |= {"create_many": ([(b"a", b"")],), "put_many": ([(b"a", b"")],), "delete_many": ([b"a"],)}
    for name, arguments in calls.items():
        options = {"limit": 1} if name == "scan" else {}
        with pytest.raises(UsageError, match=match):
            getattr(tx, name)(space, *arguments, **options)
