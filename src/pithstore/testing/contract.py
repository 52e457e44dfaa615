"""The specification of an engine, as tests that every engine passes.

A subclass says how an engine is opened, and pytest runs the rest:

    class TestMemoryEngine(EngineContract):
        shared_between_processes = False

        @staticmethod
        def open(directory: Path, spaces: Sequence[str]) -> Engine:
            return MemoryEngine(spaces)

`open` opens what stands at `directory`, or creates it.  It is sent to other processes by name, so the class
stands at the top of its module.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from pithstore.engine import Engine, Item, Update, View
from pithstore.errors import UsageError
from pithstore.testing.machine import EngineMachine, OpenEngine, Rerunning

SPACES = ("left", "right")
EVERYTHING = 1_000_000
_COUNTER = b"counter"
_PROCESS_SECONDS = 60
_STILL_SECONDS = 20
_MANY_UPDATES = 20_000


class _Interruption(Exception):
    pass


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
        _watch(engine, last)


def _watch(engine: Engine, last: int) -> None:
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
        for call in _calls_of(engine):
            with pytest.raises(UsageError, match=r"fork.*open"):
                call()
        engine.close()
        if directory:
            write_numbers(open_engine, directory, 1)
    except BaseException as error:  # noqa: BLE001 it must not run into the parent's code
        print(f"forked child: {error!r}", file=sys.stderr, flush=True)  # noqa: T201
        return 1
    return 0


def _calls_of(engine: Engine) -> list[Callable[[], object]]:
    return [lambda: engine.view(count), lambda: engine.update(bump), engine.stored_bytes]


def run_processes(
    *calls: tuple[Callable[..., None], tuple[object, ...]], seconds: float = _PROCESS_SECONDS
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


class EngineContract:
    """What an engine promises; see the top of the module for how to run it."""

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

    # What is written is there, in order.

    def test_empty(self, engine: Engine) -> None:
        """A new store holds nothing."""
        assert engine.view(lambda view: view.get_many("left", [b"a", b"b"])) == [None, None]
        assert engine.view(lambda view: view.has_many("left", [b"a", b"b"])) == [False, False]
        assert items_of(engine) == []
        assert engine.view(count) == 0

    def test_no_keys(self, engine: Engine) -> None:
        """Every batch may be empty."""
        assert engine.view(lambda view: (view.get_many("left", []), view.has_many("left", []))) == ([], [])
        counts = engine.update(lambda tx: (tx.create_many("left", []), tx.delete_many("left", [])))
        put(engine)
        assert counts == (0, 0)

    def test_put_and_overwrite(self, engine: Engine) -> None:
        """A put replaces; the last value of a key in one call stays; batches answer in their own order."""
        put(engine, (b"a", b"old"), (b"b", b"2"))
        put(engine, (b"a", b"new"), (b"c", b"first"), (b"c", b"last"))
        keys = [b"c", b"none", b"a", b"b", b"a"]
        assert engine.view(lambda view: view.get_many("left", keys)) == [b"last", None, b"new", b"2", b"new"]
        assert engine.view(lambda view: view.has_many("left", keys)) == [True, False, True, True, True]

    def test_create_once(self, engine: Engine) -> None:
        """A create leaves what is there, keeps the first value of a key in one call, and counts what it wrote."""
        put(engine, (b"a", b"old"))
        items = [(b"a", b"new"), (b"b", b"first"), (b"b", b"second"), (b"c", b"3")]
        assert engine.update(lambda tx: tx.create_many("left", iter(items))) == 2
        assert items_of(engine) == [(b"a", b"old"), (b"b", b"first"), (b"c", b"3")]

    def test_delete(self, engine: Engine) -> None:
        """A delete counts the keys that were there, each once; they can be written again."""
        put(engine, (b"a", b"1"), (b"b", b"2"), (b"c", b"3"))
        assert engine.update(lambda tx: tx.delete_many("left", iter([b"b", b"none", b"b", b"c"]))) == 2
        assert items_of(engine) == [(b"a", b"1")]
        put(engine, (b"b", b"again"))
        assert items_of(engine) == [(b"a", b"1"), (b"b", b"again")]

    def test_spaces_are_apart(self, engine: Engine) -> None:
        """One key in two spaces is two entries."""
        put(engine, (b"a", b"1"))
        put(engine, (b"a", b"2"), (b"b", b"3"), space="right")
        engine.update(lambda tx: tx.delete_many("right", [b"a"]))
        assert items_of(engine) == [(b"a", b"1")]
        assert items_of(engine, "right") == [(b"b", b"3")]

    def test_reads_its_own_writes(self, engine: Engine) -> None:
        """An update sees what it did so far, whichever way it looks."""

        def fn(tx: Update) -> None:
            tx.put_many("left", [(b"a", b"1"), (b"b", b"2")])
            assert tx.get_many("left", [b"a"]) == [b"1"]
            assert tx.create_many("left", [(b"b", b"no"), (b"c", b"3")]) == 1
            assert tx.delete_many("left", [b"a"]) == 1
            assert tx.has_many("left", [b"a", b"b", b"c"]) == [False, True, True]
            assert tx.delete_many("left", [b"a"]) == 0
            assert tx.create_many("left", [(b"a", b"back")]) == 1
            assert tx.scan("left", limit=9) == [(b"a", b"back"), (b"b", b"2"), (b"c", b"3")]

        engine.update(fn)
        assert items_of(engine) == [(b"a", b"back"), (b"b", b"2"), (b"c", b"3")]

    @pytest.mark.parametrize("rising", [True, False])
    def test_order_is_that_of_bytes(self, engine: Engine, rising: bool) -> None:
        """Keys come in byte order, the shorter of two first; a wrong hint costs nothing but time."""
        chance = random.Random(7)  # noqa: S311 nothing is secret here
        model = {
            chance.randbytes(chance.randint(1, 40)): chance.randbytes(chance.randint(0, 9)) for _ in range(500)
        }
        model |= {
            bytes(head): b"x" for n in (1, 2, 3) for head in itertools.product((0, 1, 127, 128, 255), repeat=n)
        }
        items = list(model.items())
        for start in range(0, len(items), 100):
            batch = items[start : start + 100]
            assert engine.update(lambda tx, b=batch: tx.create_many("left", b, rising=rising)) == len(batch)  # type: ignore[misc]
        assert items_of(engine) == sorted(model.items())
        assert engine.view(lambda v: v.scan("left", limit=EVERYTHING, reverse=True)) == sorted(model.items())[::-1]

    def test_rising_hint(self, engine: Engine) -> None:
        """Right, repeated, or wrong, the hint changes nothing of what is stored or counted."""

        def create(*items: Item) -> int:
            return engine.update(lambda tx: tx.create_many("left", items, rising=True))

        assert create((b"b", b"1"), (b"d", b"2")) == 2
        assert create((b"d", b"no"), (b"e", b"3"), (b"e", b"no")) == 1
        assert create((b"a", b"0"), (b"b", b"no"), (b"c", b"4"), (b"f", b"5"), (b"bb", b"6")) == 4
        assert b"".join(value for _, value in items_of(engine)) == b"0164235"

    def test_many_keys(self, engine: Engine) -> None:
        """One update takes many entries, and long walks are pages."""
        items = [(number_key(n), b"%d" % n) for n in range(20_000)]
        assert engine.update(lambda tx: tx.create_many("left", items, rising=True)) == len(items)
        assert engine.update(lambda tx: tx.delete_many("left", [key for key, _ in items[::2]])) == len(items) // 2
        found: list[Item] = []
        page = engine.view(lambda view: view.scan("left", limit=999))
        while page:
            found += page
            page = engine.view(lambda view, last=found[-1][0]: view.scan("left", after=last, limit=999))  # type: ignore[misc]
        assert found == items[1::2]

    # Scans.

    @pytest.mark.parametrize("reverse", [False, True])
    def test_scan_equals_the_definition(self, engine: Engine, reverse: bool) -> None:
        """Every prefix with every `after` and limit, 0xff bytes, missing keys and overlong ones among them."""
        model = {
            b"".join(key): b"v" for n in (1, 2, 3) for key in itertools.product((b"\0", b"a", b"\xff"), repeat=n)
        }
        model |= {b"\xff" * 511: b"longest", b"a" * 511: b"longest"}
        put(engine, *model.items())
        probes = [*model, b"", b"\0\1", b"b", b"a\xfe", b"\xff" * 512, b"a" * 512]

        def compare(view: View) -> None:
            for prefix, after, limit in itertools.product(probes, [None, *probes], (0, 2, EVERYTHING)):
                found = view.scan("left", prefix=prefix, after=after, limit=limit, reverse=reverse)
                assert found == _defined_scan(model, prefix, after, reverse)[:limit], (prefix, after, limit)

        engine.view(compare)

    def test_scan_goes_on_beside_updates(self, engine: Engine) -> None:
        """A walk in pages goes on after its last key, though that key is gone and others came."""
        put(engine, *((number_key(n), b"") for n in range(0, 100, 10)))
        first = engine.view(lambda view: view.scan("left", limit=4))
        engine.update(lambda tx: tx.delete_many("left", [number_key(30), number_key(50)]))
        put(engine, (number_key(5), b""), (number_key(35), b""))
        rest = engine.view(lambda view: view.scan("left", after=first[-1][0], limit=EVERYTHING))
        assert [int.from_bytes(key, "big") for key, _ in rest] == [35, 40, 60, 70, 80, 90]
        back = engine.view(lambda view: view.scan("left", after=number_key(50), limit=3, reverse=True))
        assert [int.from_bytes(key, "big") for key, _ in back] == [40, 35, 20]

    # Values.

    def test_values_stay(self, engine: Engine) -> None:
        """Values are bytes, possibly none at all, and stay valid after the transaction and the engine."""
        put(engine, (b"empty", b""), (b"key", b"v" * 5000))
        empty, value = engine.view(lambda view: view.get_many("left", [b"empty", b"key"]))
        items = items_of(engine)
        read_in_update = engine.update(lambda tx: tx.get_many("left", [b"key"]))
        put(engine, (b"key", b"w" * 5000))
        engine.close()
        assert (empty, value, read_in_update) == (b"", b"v" * 5000, [b"v" * 5000])
        assert items == [(b"empty", b""), (b"key", b"v" * 5000)]
        assert {type(part) for item in items for part in item} | {type(value)} == {bytes}

    def test_large_value(self, engine: Engine) -> None:
        """A value of 10 MB, or as large as the limits allow, is kept whole; the medium takes what it must."""
        caps = (engine.limits.value_bytes, engine.limits.transaction_bytes, 10_000_000)
        value = random.Random(8).randbytes(min(cap for cap in caps if cap))  # noqa: S311 nothing is secret here
        before = engine.stored_bytes()
        put(engine, (b"large", value))
        assert items_of(engine) == [(b"large", value)]
        assert engine.stored_bytes() > before >= 0

    @pytest.mark.parametrize("name", ["get_many", "has_many", "create_many", "put_many", "delete_many"])
    @pytest.mark.parametrize("length", [0, None], ids=["empty", "overlong"])
    def test_bad_key(self, engine: Engine, name: str, length: int | None) -> None:
        """A key has 1 to `key_bytes` bytes; a call with another does nothing, even where its error is caught."""
        longest = engine.limits.key_bytes or 511
        bad = b"k" * (longest + 1 if length is None else length)
        if len(bad) > longest and engine.limits.key_bytes is None:
            pytest.skip("this engine takes keys of any length")
        put(engine, (b"k" * longest, b"longest"))
        keys: list[bytes] | list[Item] = [b"k" * longest, bad]
        if name in ("create_many", "put_many"):
            keys = [(b"a", b"trace"), (bad, b"")]

        def fn(tx: Update) -> None:
            with pytest.raises(ValueError, match="key"):
                getattr(tx, name)("left", keys)
            tx.put_many("left", [(b"b", b"after")])

        engine.update(fn)
        assert items_of(engine) == [(b"b", b"after"), (b"k" * longest, b"longest")]
        with pytest.raises(ValueError, match="key"):
            engine.update(lambda tx: getattr(tx, name)("left", keys))
        assert items_of(engine) == [(b"b", b"after"), (b"k" * longest, b"longest")]

    # Transactions.

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
        other.join(_PROCESS_SECONDS)
        assert items_of(engine) == [(b"a", b"2"), (b"b", b"2")]

    def test_threads(self, engine: Engine) -> None:
        """Updates come one after the other: none is lost, none seen by halves, and each sees those before it."""

        def fn(tx: Update) -> int:
            count(tx)
            time.sleep(0.0001)  # so that another thread runs between reading and writing
            return bump(tx)

        with ThreadPoolExecutor(6) as pool:
            writers = [pool.submit(lambda: [engine.update(fn) for _ in range(50)]) for _ in range(4)]
            readers = [pool.submit(_watch, engine, 200) for _ in range(2)]
            numbers = [number for writer in writers for number in writer.result(_PROCESS_SECONDS)]
            for reader in readers:
                reader.result(_PROCESS_SECONDS)
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
                _watch(engine, 20)
            finally:
                engine.close()
            written = sum(writer.result(_PROCESS_SECONDS) for writer in writers)
        if self.shared_between_processes:
            with closing(self.open(directory, SPACES)) as engine:
                assert engine.view(count) == written

    # Misuse is refused in words.

    def test_closed(self, engine: Engine) -> None:
        """A closed engine answers nothing, and says so; closing again is fine."""
        put(engine, (b"a", b"1"))
        engine.close()
        engine.close()
        for call in _calls_of(engine):
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

    def _needs_sharing(self) -> None:
        if not self.shared_between_processes:
            pytest.skip("this engine ends with its process")

    # Everything together.

    @pytest.mark.parametrize("rerun", [False, True])
    def test_any_history(self, tmp_path: Path, rerun: bool) -> None:
        """Random updates, failures and views give what a plain dictionary gives."""
        numbers = itertools.count()

        def machine() -> EngineMachine:
            directory = tmp_path / str(next(numbers))
            engine = self.open(directory, SPACES)
            again = self.open if self.shared_between_processes else None
            return EngineMachine(Rerunning(engine) if rerun else engine, SPACES, directory, again)

        run_state_machine_as_test(
            machine,  # type: ignore[arg-type]  # it says a class and means whatever makes a machine
            settings=settings(
                max_examples=40,
                stateful_step_count=20,
                deadline=None,
                database=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
            ),
        )


def _defined_scan(model: dict[bytes, bytes], prefix: bytes, after: bytes | None, reverse: bool) -> list[Item]:
    """What `View.scan` promises, word for word."""
    found = sorted((item for item in model.items() if item[0].startswith(prefix)), reverse=reverse)
    if after is None:
        return found
    return [item for item in found if (item[0] < after if reverse else item[0] > after)]


def _refuses_everything(tx: View, space: str, *, match: str = "transaction", reads_only: bool = False) -> None:
    calls: dict[str, tuple[object, ...]] = {"get_many": ([b"a"],), "has_many": ([b"a"],), "scan": ()}
    if not reads_only:
        calls |= {"create_many": ([(b"a", b"")],), "put_many": ([(b"a", b"")],), "delete_many": ([b"a"],)}
    for name, arguments in calls.items():
        options = {"limit": 1} if name == "scan" else {}
        with pytest.raises(UsageError, match=match):
            getattr(tx, name)(space, *arguments, **options)
