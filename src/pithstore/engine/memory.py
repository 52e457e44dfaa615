"""The reference engine: the port in memory, as plain as it can be.

Every update works on copies of the spaces that it writes to and puts them in place at its end, so an exception
leaves no trace and a view keeps the state that it began with.  Nothing is kept after `close`.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Self, TypeVar

from pithstore.engine import EngineLimits, Finding, Item, Update, View
from pithstore.errors import StoreBusy, UsageError

T = TypeVar("T")

_LONGEST_KEY = 511  # that of LMDB, so that what passes here passes there


class _Space:
    """The keys of one space in byte order, and their values."""

    __slots__ = ("keys", "values")

    def __init__(self, other: _Space | None = None) -> None:
        self.keys: list[bytes] = list(other.keys) if other else []
        self.values: dict[bytes, bytes] = dict(other.values) if other else {}

    def put(self, key: bytes, value: bytes) -> None:
        if key not in self.values:
            insort(self.keys, key)
        self.values[key] = value

    def delete(self, key: bytes) -> None:
        del self.values[key]
        del self.keys[bisect_left(self.keys, key)]


class _View:
    """One state of all spaces, until `run` returns."""

    def __init__(self, spaces: dict[str, _Space]) -> None:
        self.spaces = dict(spaces)
        self._ended = False

    def run(self, fn: Callable[[Self], T]) -> T:
        """What `fn` returns; this object is of no use after it."""
        try:
            return fn(self)
        finally:
            self._ended = True

    def get_many(self, space: str, keys: Sequence[bytes]) -> list[bytes | None]:
        values = self._space(space).values
        return [values.get(_checked(key)) for key in keys]

    def has_many(self, space: str, keys: Sequence[bytes]) -> list[bool]:
        values = self._space(space).values
        return [_checked(key) in values for key in keys]

    def scan(
        self, space: str, *, prefix: bytes = b"", after: bytes | None = None, limit: int, reverse: bool = False
    ) -> list[Item]:
        found = self._space(space)
        return [(key, found.values[key]) for key in _page(found.keys, prefix, after, limit, reverse)]

    def _space(self, name: str) -> _Space:
        if self._ended:
            raise UsageError("this transaction has ended: use it only inside the function that it was given to")
        if name not in self.spaces:
            raise UsageError(f"the engine was opened without a space {name!r}: name it when opening")
        return self.spaces[name]


class _Update(_View):
    """A view that writes into copies of its own."""

    def __init__(self, spaces: dict[str, _Space]) -> None:
        super().__init__(spaces)
        self._copied: set[str] = set()

    def create_many(self, space: str, items: Iterable[Item], *, rising: bool = False) -> int:
        del rising  # every key finds its place without the hint
        checked, own = _checked_items(items), self._own(space)
        before = len(own.keys)
        for key, value in checked:
            if key not in own.values:
                own.put(key, value)
        return len(own.keys) - before

    def put_many(self, space: str, items: Iterable[Item]) -> None:
        checked, own = _checked_items(items), self._own(space)
        for key, value in checked:
            own.put(key, value)

    def delete_many(self, space: str, keys: Iterable[bytes]) -> int:
        checked, own = {_checked(key) for key in keys}, self._own(space)
        present = checked & own.values.keys()
        for key in present:
            own.delete(key)
        return len(present)

    def _own(self, name: str) -> _Space:
        shared = self._space(name)
        if name not in self._copied:
            self.spaces[name] = _Space(shared)
            self._copied.add(name)
        return self.spaces[name]


class MemoryEngine:
    """An open engine over these spaces, all empty; for tests, and for what need not last."""

    def __init__(self, spaces: Sequence[str]) -> None:
        self._spaces = {name: _Space() for name in spaces}
        self._kept: MemoryEngine | None = None
        self._successor: MemorySuccessor | None = None
        self._writing = threading.Lock()
        self._thread = threading.local()
        self._process = os.getpid()
        self._closed = False

    @property
    def limits(self) -> EngineLimits:
        """Those of the LMDB engine."""
        return EngineLimits(key_bytes=_LONGEST_KEY, value_bytes=None, transaction_bytes=None)

    def view(self, fn: Callable[[View], T]) -> T:
        """What `fn` returns for the state as it is now; updates that end meanwhile are not seen."""
        with self._inside():
            return _View(self._spaces).run(fn)

    def update(self, fn: Callable[[Update], T]) -> T:
        """What `fn` returned; its writes are seen by all who begin later."""
        with self._inside(), self._writing:
            self._refuse_misuse()  # it may have been closed while we waited
            transaction = _Update(self._spaces)
            result = transaction.run(fn)
            self._spaces = transaction.spaces
            return result

    def successor(self) -> MemorySuccessor:
        """The next state of this engine, begun or gone on with."""
        with self._inside(), self._writing:
            self._refuse_misuse()  # it may have been closed while we waited
            if self._successor is not None:
                raise StoreBusy("a successor of this store is open: close it, or let it take over")
            if self._kept is None:
                self._kept = MemoryEngine(list(self._spaces))
            self._successor = MemorySuccessor(self, self._kept)
            return self._successor

    def examine(self, *, deep: bool) -> list[Finding]:
        """Nothing: there is nothing beside the keys and values."""
        self._refuse_misuse()
        return []

    def former(self) -> int:
        """None: what has been taken over is gone."""
        return 0

    def stored_bytes(self) -> int:
        """The lengths of all keys and values together."""
        self._refuse_misuse()
        return self._bytes() + (self._kept._bytes() if self._kept else 0)

    def close(self) -> None:
        """Forget everything, when the update that runs now has ended."""
        if self._process != os.getpid():
            return  # the parent's lock may be held for ever in this copy, and nothing here outlives us
        if self._is_inside():
            raise UsageError("closing inside a transaction would wait for itself: return from it first")
        with self._writing:
            self._closed = True
            self._kept = None
            self._spaces = {name: _Space() for name in self._spaces}

    def _bytes(self) -> int:
        return sum(len(k) + len(v) for space in self._spaces.values() for k, v in space.values.items())

    @contextmanager
    def _inside(self) -> Iterator[None]:
        self._refuse_misuse()
        if self._is_inside():
            raise UsageError("a transaction inside another would wait for itself: use the one you have")
        self._thread.inside = True
        try:
            yield
        finally:
            self._thread.inside = False

    def _is_inside(self) -> bool:
        return getattr(self._thread, "inside", False)

    def _refuse_misuse(self) -> None:
        if self._process != os.getpid():
            raise UsageError("the store was opened before a fork: open it again in the child process")
        if self._closed:
            raise UsageError("the store is closed: open it again")


class MemorySuccessor:
    """A second engine, whose spaces the first one takes when it takes over."""

    def __init__(self, engine: MemoryEngine, following: MemoryEngine) -> None:
        self._engine = engine
        self._following = following
        self.fresh = not following._bytes()

    def view(self, fn: Callable[[View], T]) -> T:
        """What `fn` returns for what was written so far."""
        self._refuse_closed()
        return self._following.view(fn)

    def update(self, fn: Callable[[Update], T]) -> T:
        """What `fn` returned; what it wrote is seen by the successor alone."""
        self._refuse_closed()
        return self._following.update(fn)

    def take_over(self, fn: Callable[[View, Update], T]) -> T:
        """What `fn` returned; the engine now holds what the successor held, and what `fn` wrote."""
        engine, following = self._engine, self._following
        with engine._inside(), engine._writing, following._inside(), following._writing:
            self._refuse_closed()
            transaction = _Update(following._spaces)
            result = _View(engine._spaces).run(lambda view: transaction.run(lambda tx: fn(view, tx)))
            engine._spaces = transaction.spaces
            engine._kept = engine._successor = None
            return result

    def discard(self) -> None:
        """Forget what was written."""
        self._leave(keep=False)

    def close(self) -> None:
        """Leave what was written to the next successor."""
        self._leave(keep=True)

    def _leave(self, *, keep: bool) -> None:
        if self._following._process != os.getpid():
            return  # see MemoryEngine.close
        if self._following._is_inside():
            raise UsageError("closing inside a transaction would wait for itself: return from it first")
        with self._following._writing:
            if self._engine._successor is self:
                self._engine._successor = None
                self._engine._kept = self._following if keep and not self._engine._closed else None

    def _refuse_closed(self) -> None:
        self._engine._refuse_misuse()
        if self._engine._successor is not self:
            raise UsageError("this successor has taken over or is closed: begin another one")


def _page(keys: list[bytes], prefix: bytes, after: bytes | None, limit: int, reverse: bool) -> list[bytes]:
    low = bisect_left(keys, prefix)
    high = bisect_right(keys, prefix, key=lambda key: key[: len(prefix)])
    if reverse:
        high = high if after is None else min(high, bisect_left(keys, after))
        return keys[max(low, high - limit) : high][::-1] if low < high else []
    low = low if after is None else max(low, bisect_right(keys, after))
    return keys[low : min(high, low + limit)]


def _checked(key: bytes) -> bytes:
    if not 0 < len(key) <= _LONGEST_KEY:
        raise ValueError(f"a key has 1 to {_LONGEST_KEY} bytes, this one has {len(key)}")
    return key


def _checked_items(items: Iterable[Item]) -> list[Item]:
    return [(_checked(key), value) for key, value in items]
