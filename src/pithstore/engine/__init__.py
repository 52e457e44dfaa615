"""The port: a transactional, ordered key-value store, used through closures.

An engine keeps *spaces*, each an ordered map from key bytes to value bytes.  Everything above says what it wants
as a function of a transaction; the engine runs it, perhaps more than once, and the last run counts.  So the
function touches nothing but its transaction and what it returns.  `pithstore.testing.contract` is the
specification that every engine passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

import attrs

T = TypeVar("T")

Item = tuple[bytes, bytes]
"""A key and its value."""


@attrs.frozen
class EngineLimits:
    """What an engine can hold: bytes of one key, of one value, of all values written by one transaction.

    None means that only memory and the medium set the limit.  The layer above keeps to them.
    """

    key_bytes: int | None
    value_bytes: int | None
    transaction_bytes: int | None


class View(Protocol):
    """A transaction that reads one state of the store; it ends with the function that it was given to."""

    def get_many(self, space: str, keys: Sequence[bytes]) -> list[bytes | None]:
        """The value of each key, in the order of the keys; None where there is none."""
        ...

    def has_many(self, space: str, keys: Sequence[bytes]) -> list[bool]:
        """Whether each key has a value, in the order of the keys."""
        ...

    def scan(
        self,
        space: str,
        *,
        prefix: bytes = b"",
        after: bytes | None = None,
        limit: int,
        reverse: bool = False,
    ) -> list[Item]:
        """At most `limit` items whose keys start with `prefix`, by key in byte order, or against it in reverse.

        `after` is where the last page ended: only keys beyond it, in the direction of the scan, are given.  It
        need not exist, and need not start with the prefix.
        """
        ...


class Update(View, Protocol):
    """A transaction that writes too: all of it happens, durably, or nothing does.  It reads what it wrote."""

    def create_many(self, space: str, items: Iterable[Item], *, rising: bool = False) -> int:
        """Write the items whose keys have no value yet, leave the others as they are; how many were written.

        `rising` promises that the keys rise and lie above all keys of the space: a hint, never an obligation.
        """
        ...

    def put_many(self, space: str, items: Iterable[Item]) -> None:
        """Write the items, in place of the values that their keys had."""
        ...

    def delete_many(self, space: str, keys: Iterable[bytes]) -> int:
        """Take the keys and their values away; how many there were."""
        ...


class Successor(Protocol):
    """The next state of a store, written beside the present one while others read and write that.

    It begins with the engine's spaces, all empty, and nobody sees it before it takes over.  Its transactions may
    run inside one of the store.  Once it has taken over or was closed it answers nothing.
    """

    @property
    def fresh(self) -> bool:
        """Whether it held nothing when it was opened; if not, one that was closed or interrupted is gone on with.

        Such a one holds every update that returned, and nothing of a `take_over`.
        """
        ...

    def view(self, fn: Callable[[View], T]) -> T:
        """What `fn` returns for what the successor holds now."""
        ...

    def update(self, fn: Callable[[Update], T]) -> T:
        """What `fn` returned in the run whose writes to the successor are now durable; see `Engine.update`."""
        ...

    def take_over(self, fn: Callable[[View, Update], T]) -> T:
        """What `fn` returned, given the store and the successor; the successor is now the store, for everybody.

        While `fn` runs nobody writes to the store, so it finishes what is still to be done, and quickly.  It may
        run several times; its exception leaves the store and the successor as they were.  StoreBusy where other
        writers do not pause; StorageFailed leaves the store as it was, and the successor fit to be tried again or
        discarded.
        """
        ...

    def discard(self) -> None:
        """Remove what was written and close, unless it has taken over."""
        ...

    def close(self) -> None:
        """Release everything; what was written is kept for the next one.  Closing twice is allowed."""
        ...


@attrs.frozen
class Finding:
    """Something that is wrong with how an engine keeps a store: a code as problems have, and what it is."""

    code: str
    words: str


class Engine(Protocol):
    """An open engine.  A transaction never outlives the call that made it."""

    @property
    def limits(self) -> EngineLimits:
        """What this engine can hold."""
        ...

    def view(self, fn: Callable[[View], T]) -> T:
        """What `fn` returns for one consistent state of the store."""
        ...

    def update(self, fn: Callable[[Update], T]) -> T:
        """What `fn` returned in the run whose writes are now durable; an exception from it leaves no trace.

        `fn` may run several times, each time on the state as it is then.
        """
        ...

    def successor(self) -> Successor:
        """The next state of the store, begun or gone on with; close it before the engine.

        There is one at a time: StoreBusy while anybody else, in whichever process, has it open.
        """
        ...

    def examine(self, *, deep: bool) -> list[Finding]:
        """What is wrong with how the store is kept, beside what its keys and values say; mostly nothing.

        With `deep` the structure of the data is walked too, where the engine has one that it does not trust.
        """
        ...

    def former(self) -> int:
        """How many earlier states of the store are still on the medium, as somebody has them open.

        Those that nobody has open are removed.
        """
        ...

    def stored_bytes(self) -> int:
        """How many bytes the engine takes on its medium now, an unfinished successor included."""
        ...

    def close(self) -> None:
        """Release everything; the engine answers nothing after it.  Closing twice is allowed."""
        ...
