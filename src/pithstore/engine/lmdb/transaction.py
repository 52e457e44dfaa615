"""Transactions of the port on LMDB's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice, takewhile
from typing import Self

import lmdb

from pithstore.engine import Item, T
from pithstore.errors import Damaged, UsageError

MAX_KEY_BYTES = 511
_AT_ONCE = 4096  # items of a scan after which it is looked whether it gets on


class LmdbTransaction:
    """A transaction of the port on one of LMDB's, usable until its closure returns."""

    __slots__ = ("_databases", "_raw")

    def __init__(self, raw: lmdb.Transaction[bytes], databases: Mapping[str, lmdb._Database | None]) -> None:
        self._raw: lmdb.Transaction[bytes] | None = raw
        self._databases = databases

    def run(self, fn: Callable[[Self], T]) -> T:
        """What `fn` returns; this object is of no use after it."""
        try:
            return fn(self)
        finally:
            self._raw = None

    def _at(self, space: str) -> tuple[lmdb.Transaction[bytes], lmdb._Database | None]:
        """The transaction and the database of the space; None for one that is missing, and so empty."""
        if self._raw is None:
            raise UsageError("the transaction has ended: use it only inside the function it was given to")
        if space not in self._databases:
            raise UsageError(f"the engine was not opened with a space {space!r}")
        return self._raw, self._databases[space]

    def _cursor(self, space: str) -> lmdb.Cursor[bytes]:
        raw, database = self._at(space)
        if database is None:
            raise UsageError(f"the space {space!r} is missing, and the store is open for reading only")
        return raw.cursor(db=database)

    def get_many(self, space: str, keys: Sequence[bytes]) -> list[bytes | None]:
        raw, database = self._at(space)
        if database is None:
            return [None] * len(keys)
        _check(keys)
        get = raw.cursor(db=database).get  # it knows the page that it stands on: keys that rise are found sooner
        return [get(key) for key in keys]

    def has_many(self, space: str, keys: Sequence[bytes]) -> list[bool]:
        if self._at(space)[1] is None:
            return [False] * len(keys)
        _check(keys)
        return list(map(self._cursor(space).set_key, keys))

    def scan(
        self,
        space: str,
        *,
        prefix: bytes = b"",
        after: bytes | None = None,
        limit: int,
        reverse: bool = False,
    ) -> list[Item]:
        raw, database = self._at(space)
        if database is None:
            return []
        cursor = raw.cursor(db=database)
        if not (_place_before if reverse else _place_after)(cursor, prefix, after):
            return []
        if after is not None and (cursor.key() >= after if reverse else cursor.key() <= after):
            raise _not_in_order(space)
        if limit == 1:  # as whoever looks for one version asks
            item = cursor.item()
            return [item] if item[0].startswith(prefix) else []
        items = cursor.iterprev() if reverse else cursor.iternext()
        items = takewhile(lambda item: item[0].startswith(prefix), items) if prefix else items
        found: list[Item] = []
        while len(found) < limit and (more := list(islice(items, min(limit - len(found), _AT_ONCE)))):
            ends = [item[0] for item in (*found[-1:], more[0], more[-1])]
            if len(more) == 1:
                del ends[-1]
            if ends != sorted(set(ends), reverse=reverse):
                raise _not_in_order(space)
            found += more
        return found

    def create_many(self, space: str, items: Iterable[Item], *, rising: bool = False) -> int:
        listed = _listed(items)
        cursor = self._cursor(space)
        append = rising and _rises(listed) and (not cursor.last() or cursor.key() < listed[0][0])
        return cursor.putmulti(listed, overwrite=False, append=append)[1]

    def put_many(self, space: str, items: Iterable[Item]) -> None:
        self._cursor(space).putmulti(_listed(items))

    def delete_many(self, space: str, keys: Iterable[bytes]) -> int:
        raw, database = self._at(space)
        if database is None:
            return 0
        listed = list(keys)
        _check(listed)  # all of them before the first one is gone
        return sum(raw.delete(key, db=database) for key in listed)


def _not_in_order(space: str) -> Damaged:
    """What is said where a damaged page leads back: whoever pages through a space would do so for ever."""
    return Damaged(
        f"the keys of the space {space!r} are not in order: the data file is damaged; run verify --deep"
    )


def _place_after(cursor: lmdb.Cursor[bytes], prefix: bytes, after: bytes | None) -> bool:
    start = prefix if after is None or after < prefix else after
    found = cursor.set_range(start) if start else cursor.first()
    return cursor.next() if found and cursor.key() == after else found


def _place_before(cursor: lmdb.Cursor[bytes], prefix: bytes, after: bytes | None) -> bool:
    stripped = prefix.rstrip(b"\xff")
    end = stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else None  # the first key past the prefix
    bounds = [bound for bound in (end, after) if bound is not None]
    if bounds and not min(bounds):
        return False
    return cursor.prev() if bounds and cursor.set_range(min(bounds)) else cursor.last()


def _listed(items: Iterable[Item]) -> list[Item]:
    listed = list(items)
    _check(key for key, _ in listed)
    return listed


def _check(keys: Iterable[bytes]) -> None:
    for length in set(map(len, keys)):
        if not 1 <= length <= MAX_KEY_BYTES:
            raise ValueError(f"a key has 1 to {MAX_KEY_BYTES} bytes, not {length}")


def _rises(items: list[Item]) -> bool:
    return bool(items) and all(items[i][0] < items[i + 1][0] for i in range(len(items) - 1))
