"""An engine that counts what is read of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from pithstore.engine import Engine, Item, T, Update, View


class Counting:
    """Passes everything on; `keys` counts the keys that were looked up in each space, `items` what scans gave."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.limits, self.stored_bytes, self.close = engine.limits, engine.stored_bytes, engine.close
        self.examine, self.former = engine.examine, engine.former
        self.successor = engine.successor
        self.keys: Counter[str] = Counter()
        self.items: Counter[str] = Counter()
        self.views = 0

    def reset(self) -> None:
        """Count from here."""
        self.keys.clear()
        self.items.clear()
        self.views = 0

    def view(self, fn: Callable[[View], T]) -> T:
        self.views += 1
        return self._engine.view(lambda view: fn(_Counted(view, self)))

    def update(self, fn: Callable[[Update], T]) -> T:
        return self._engine.update(fn)


class _Counted:
    def __init__(self, view: View, counts: Counting) -> None:
        self._view = view
        self._counts = counts

    def get_many(self, space: str, keys: Sequence[bytes]) -> list[bytes | None]:
        self._counts.keys[space] += len(keys)
        return self._view.get_many(space, keys)

    def has_many(self, space: str, keys: Sequence[bytes]) -> list[bool]:
        self._counts.keys[space] += len(keys)
        return self._view.has_many(space, keys)

    def scan(
        self, space: str, *, prefix: bytes = b"", after: bytes | None = None, limit: int, reverse: bool = False
    ) -> list[Item]:
        found = self._view.scan(space, prefix=prefix, after=after, limit=limit, reverse=reverse)
        self._counts.items[space] += len(found)
        return found
