"""Who may be inside the environment of a process: many transactions, or one who changes it, never both.

LMDB's map may only be resized, and an environment only be closed, while this process has no live transaction; a
live one would be cut off without a word (lmdb.h, mdb_env_set_mapsize).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from pithstore.errors import UsageError


class Gate:
    """A gate between the transactions of a process and the changes of its environment."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._mine = threading.local()
        self._closed = False
        self.live = 0

    def refuse_nested(self) -> None:
        """UsageError if this thread is inside a transaction: it would wait for itself."""
        if getattr(self._mine, "inside", False):
            raise UsageError("this thread is inside a transaction: a second one would wait for itself")

    def enter(self) -> None:
        """Be inside with a transaction, until `leave`; as it is gone through by every read, it is no context."""
        self.refuse_nested()
        with self._changed:
            while self._closed:
                self._changed.wait()
            self.live += 1
        self._mine.inside = True

    def leave(self) -> None:
        """Be outside again."""
        self._mine.inside = False
        with self._changed:
            self.live -= 1
            if self._closed:  # somebody waits to be alone
                self._changed.notify_all()

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Be inside alone; new transactions wait, running ones are waited for."""
        self.refuse_nested()
        with self._changed:
            self._changed.wait_for(lambda: not self._closed)
            self._closed = True
            try:
                self._changed.wait_for(lambda: self.live == 0)
                yield
            finally:
                self._closed = False
                self._changed.notify_all()
