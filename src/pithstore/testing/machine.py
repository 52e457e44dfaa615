"""Random histories of an engine, compared step by step with plain dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pithstore.engine import Engine, EngineLimits, Finding, Item, Successor, Update, View

T = TypeVar("T")


class OpenEngine(Protocol):
    """Opens the engine at a directory, or creates it."""

    def __call__(self, directory: Path, spaces: tuple[str, ...], /) -> Engine:
        """An open engine."""
        ...


class _Twice:
    """Runs every function twice and throws the first run away."""

    def __init__(self, engine: Engine | Successor) -> None:
        self._inner = engine

    def view(self, fn: Callable[[View], T]) -> T:
        """What the second run returned."""
        self._inner.view(fn)
        return self._inner.view(fn)

    def update(self, fn: Callable[[Update], T]) -> T:
        """What the second run returned; the first left no trace."""

        def first(tx: Update) -> None:
            fn(tx)
            raise _Discarded

        with suppress(_Discarded):
            self._inner.update(first)
        return self._inner.update(fn)


class Rerunning(_Twice):
    """The same engine, running every function twice and throwing the first run away, as any engine may do."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._engine = engine

    @property
    def limits(self) -> EngineLimits:
        """Those of the engine."""
        return self._engine.limits

    def successor(self) -> Successor:
        """The engine's, which runs every function twice as well."""
        return RerunningSuccessor(self._engine.successor())

    def examine(self, *, deep: bool) -> list[Finding]:
        """What the engine finds."""
        return self._engine.examine(deep=deep)

    def former(self) -> int:
        """Those of the engine."""
        return self._engine.former()

    def stored_bytes(self) -> int:
        """Those of the engine."""
        return self._engine.stored_bytes()

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()


class RerunningSuccessor(_Twice):
    """The same successor, running every function twice and throwing the first run away."""

    def __init__(self, successor: Successor) -> None:
        super().__init__(successor)
        self._successor = successor
        self.discard, self.close = successor.discard, successor.close

    @property
    def fresh(self) -> bool:
        """Whether it held nothing when it was opened."""
        return self._successor.fresh

    def take_over(self, fn: Callable[[View, Update], T]) -> T:
        """What the second run returned; the first left no trace."""

        def first(view: View, tx: Update) -> None:
            fn(view, tx)
            raise _Discarded

        with suppress(_Discarded):
            self._successor.take_over(first)
        return self._successor.take_over(fn)


class _Discarded(Exception):
    pass


class Oracle:
    """The port, written down so plainly that it can be checked by reading it."""

    def __init__(self, spaces: dict[str, dict[bytes, bytes]]) -> None:
        self.spaces = {name: dict(values) for name, values in spaces.items()}

    def get_many(self, space: str, keys: Sequence[bytes]) -> list[bytes | None]:
        """The value of each key."""
        return [self.spaces[space].get(key) for key in keys]

    def has_many(self, space: str, keys: Sequence[bytes]) -> list[bool]:
        """Whether each key has a value."""
        return [key in self.spaces[space] for key in keys]

    def scan(
        self, space: str, *, prefix: bytes = b"", after: bytes | None = None, limit: int, reverse: bool = False
    ) -> list[Item]:
        """The items in order that meet every condition."""
        found = sorted(self.spaces[space].items(), reverse=reverse)
        found = [item for item in found if item[0].startswith(prefix)]
        if after is not None:
            found = [item for item in found if (item[0] < after if reverse else item[0] > after)]
        return found[:limit]

    def create_many(self, space: str, items: Iterable[Item], *, rising: bool = False) -> int:
        """How many keys were new."""
        del rising
        before = len(self.spaces[space])
        for key, value in items:
            self.spaces[space].setdefault(key, value)
        return len(self.spaces[space]) - before

    def put_many(self, space: str, items: Iterable[Item]) -> None:
        """Nothing."""
        self.spaces[space].update(items)

    def delete_many(self, space: str, keys: Iterable[bytes]) -> int:
        """How many keys there were."""
        return sum(self.spaces[space].pop(key, None) is not None for key in keys)


@attrs.frozen
class Call:
    """One call on a transaction."""

    method: str
    space: int
    arguments: tuple[Any, ...] = ()  # of whichever method it is
    options: dict[str, Any] = attrs.field(factory=dict)

    def on(self, tx: View | Update, spaces: Sequence[str]) -> object:
        """What the transaction answers to it."""
        return getattr(tx, self.method)(spaces[self.space % len(spaces)], *self.arguments, **self.options)


# Few bytes and short keys, so that keys meet, share prefixes, and reach both ends of the order.
_KEYS = st.one_of(
    st.lists(st.sampled_from([b"\0", b"a", b"b", b"\xff"]), min_size=1, max_size=3).map(b"".join),
    st.sampled_from([b"\0", b"a", b"\xff"]).map(lambda byte: byte * 511),
)
_PREFIXES = st.one_of(st.just(b""), _KEYS)
_VALUES = st.one_of(st.binary(max_size=8), st.sampled_from([600, 5000, 20_000]).map(bytes))
_KEY_LISTS = st.lists(_KEYS, max_size=6).map(lambda keys: (keys,))
_ITEM_LISTS = st.lists(st.tuples(_KEYS, _VALUES), max_size=6)
_SPACES = st.integers(0, 1)
_SCANS = st.fixed_dictionaries(
    {"prefix": _PREFIXES, "after": st.none() | _PREFIXES, "limit": st.integers(0, 9), "reverse": st.booleans()}
)

READS: st.SearchStrategy[Call] = st.one_of(
    st.builds(Call, st.sampled_from(["get_many", "has_many"]), _SPACES, _KEY_LISTS),
    st.builds(Call, st.just("scan"), _SPACES, options=_SCANS),
)
"""Calls that a view and an update understand."""


def _wrapped(items: list[Item]) -> tuple[list[Item]]:
    return (items,)


WRITES: st.SearchStrategy[Call] = st.one_of(
    st.builds(Call, st.just("put_many"), _SPACES, _ITEM_LISTS.map(_wrapped)),
    st.builds(
        Call,
        st.just("create_many"),
        _SPACES,
        st.one_of(_ITEM_LISTS, _ITEM_LISTS.map(sorted)).map(_wrapped),
        st.fixed_dictionaries({"rising": st.booleans()}),
    ),
    st.builds(Call, st.just("delete_many"), _SPACES, _KEY_LISTS),
)
"""Calls that only an update understands."""


class _RolledBack(Exception):
    pass


class EngineMachine(RuleBasedStateMachine):
    """Updates, rolled-back updates, views and reopenings; every answer is that of the oracle."""

    def __init__(
        self, engine: Engine, spaces: tuple[str, ...], directory: Path, reopen: OpenEngine | None = None
    ) -> None:
        super().__init__()
        self._engine = engine
        self._names = spaces
        self._directory = directory
        self._open_again = reopen
        self._model: dict[str, dict[bytes, bytes]] = {name: {} for name in spaces}

    @rule(calls=st.lists(READS | WRITES, max_size=6), fails=st.booleans())
    def update(self, calls: list[Call], fails: bool) -> None:
        """An update answers as the oracle does, and counts only if it ends well."""
        oracle = Oracle(self._model)
        expected = [call.on(oracle, self._names) for call in calls]

        def fn(tx: Update) -> list[object]:
            answers = [call.on(tx, self._names) for call in calls]
            if fails:
                raise _RolledBack(answers)
            return answers

        try:
            answers = self._engine.update(fn)
        except _RolledBack as error:
            (answers,) = error.args
        else:
            self._model = oracle.spaces
        assert answers == expected

    @rule(calls=st.lists(READS, max_size=6))
    def view(self, calls: list[Call]) -> None:
        """A view answers as the oracle does."""
        oracle = Oracle(self._model)
        expected = [call.on(oracle, self._names) for call in calls]
        assert self._engine.view(lambda view: [call.on(view, self._names) for call in calls]) == expected

    @precondition(lambda self: self._open_again is not None)
    @rule()
    def reopen(self) -> None:
        """Nothing is lost by closing."""
        self._engine.close()
        if self._open_again is not None:
            self._engine = self._open_again(self._directory, self._names)

    @invariant()
    def holds_what_the_oracle_holds(self) -> None:
        """Every space is equal, item by item."""
        for name, values in self._model.items():
            found = self._engine.view(lambda view, space=name: view.scan(space, limit=1_000_000))  # type: ignore[misc]
            assert found == sorted(values.items())

    def teardown(self) -> None:
        """Close the engine."""
        self._engine.close()
