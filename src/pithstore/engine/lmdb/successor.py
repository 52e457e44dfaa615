"""The next generation of a store on LMDB, written beside the one that counts, to which CURRENT is then moved."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator

import lmdb

from pithstore.engine import T, Update, View
from pithstore.engine.gate import Gate
from pithstore.engine.generations import (
    hold_successor,
    move_current,
    read_current,
    remove,
    remove_files,
    sync_directory,
)
from pithstore.engine.lmdb.data_file import check_data_file
from pithstore.engine.lmdb.environment import Environment
from pithstore.engine.lmdb.open_generation import OpenGeneration
from pithstore.engine.lmdb.receipt import Receipt, sync_receipt
from pithstore.engine.lmdb.translate import lmdb_errors
from pithstore.engine.system_errors import system_errors
from pithstore.errors import Damaged, PithstoreError, StorageFailed, StoreBusy, UsageError


class LmdbSuccessor:
    """A generation of its own, kept for this process by a lock on its directory, which dies with the process.

    Order of the locks: the store's write lock, the store's gate, the successor's gate.
    """

    def __init__(self, environment: Environment, patience: float) -> None:
        environment.gate.refuse_nested()
        self._environment = environment
        self._patience = patience
        self._gate = Gate()
        self._generation: OpenGeneration | None = None
        self._hold: int | None = None
        with system_errors(environment.root):
            self._current, self._directory, self._hold = hold_successor(environment.root)
        try:
            with self._errors(), system_errors(self._directory):
                self._generation = self._unfinished() or self._begun(self._hold)
                self.fresh = self._run(lambda generation: generation.try_view(self._is_empty))
        except BaseException:  # whatever it is, Ctrl-C too: nothing may stay open behind it
            self._leave()
            raise
        _open.add(self)

    def view(self, fn: Callable[[View], T]) -> T:
        """What `fn` returns for what was written so far."""
        with self._retained(), self._errors():
            return self._run(lambda generation: generation.try_view(fn))

    def update(self, fn: Callable[[Update], T]) -> T:
        """What `fn` returned in the run whose writes are now on the medium."""
        with self._retained(), self._errors():
            return self._run(lambda generation: generation.try_update(fn))

    def take_over(self, fn: Callable[[View, Update], T]) -> T:
        """What `fn` returned; CURRENT names this generation now."""
        environment = self._environment
        self._gate.refuse_nested()
        with self._retained(), self._errors(), environment.writing(self._patience):
            self._opened()
            if environment.directory != self._current:
                raise StoreBusy(f"{environment.root}: another successor took over meanwhile; begin a new one")
            last = environment.receipt(self._patience)
            result, receipt = environment.view(lambda view: self._run(_finish(fn, view, last)), self._patience)
            with system_errors(environment.root):
                self._become_current(receipt)
            return result

    def discard(self) -> None:
        """Remove the generation, unless it has taken over."""
        self._end(discard=True)

    def close(self) -> None:
        """Leave the generation to the next successor."""
        self._end(discard=False)

    def _run(self, attempt: Callable[[OpenGeneration], tuple[T] | None]) -> T:
        """What the attempt gave, in a map that was large enough for it."""
        while True:
            self._gate.enter()
            try:
                generation = self._opened()
                seen = generation.map_bytes
                done = attempt(generation)
            finally:
                self._gate.leave()
            if done is not None:
                return done[0]
            self._grow(generation, seen)

    def _grow(self, generation: OpenGeneration, seen: int) -> None:
        with self._gate.exclusive():
            try:
                generation.grow(seen)
            except StorageFailed:
                self._leave()
                raise

    def _become_current(self, receipt: Receipt) -> None:
        """Move CURRENT here, and let the store's own environment open what this one must have closed before.

        Everything is on the medium before CURRENT is: commits are synced, then the names of the files are.  And
        CURRENT is before RECEIPT is: after a power loss it would know of more than CURRENT leads to.
        """
        root, name = self._environment.root, os.path.basename(self._directory)
        sync_directory(self._directory)
        sync_directory(root)
        try:
            move_current(root, name)
            self._environment.note(receipt)
            sync_receipt(root)
        finally:
            if read_current(root)[0] == name:
                with self._gate.exclusive():
                    self._leave()
        # It has taken over, whatever is wrong with opening it: whoever begins next will hear of that.
        with contextlib.suppress(PithstoreError, lmdb.Error, OSError):
            self._environment.follow_at_once()

    def _unfinished(self) -> OpenGeneration | None:
        """What an earlier successor left, if it can be gone on with."""
        file = os.path.join(self._directory, "data.mdb")
        if not os.path.lexists(file):
            return None
        with contextlib.suppress(Damaged), self._errors():
            check_data_file(file)
            generation = self._mapped()
            if generation.unfinished():
                return generation
            generation.close()
        return None

    def _begun(self, hold: int) -> OpenGeneration:
        remove_files(hold)
        generation = self._mapped()
        try:
            generation.mark_unfinished()
        except BaseException:  # Ctrl-C too: nothing may stay open behind it
            generation.close()
            raise
        return generation

    def _mapped(self) -> OpenGeneration:
        spaces = self._environment.spaces
        return OpenGeneration(self._directory, spaces, spaces, readonly=False, map_size=self._environment.map_size)

    def _is_empty(self, view: View) -> bool:
        return not any(view.scan(space, limit=1) for space in self._environment.spaces)

    def _opened(self) -> OpenGeneration:
        if self._generation is None:
            raise UsageError("this successor has taken over or is closed; begin another one")
        return self._generation

    def _end(self, *, discard: bool) -> None:
        if self._environment.forked:
            return
        with self._gate.exclusive(), system_errors(self._environment.root):
            try:
                if discard and self._hold is not None and self._generation is not None:
                    self._generation.close()
                    if read_current(self._environment.root)[0] != os.path.basename(self._directory):
                        remove(self._directory, self._hold)
            finally:
                self._leave()

    def _leave(self) -> None:
        """Close everything; the caller has it alone."""
        _open.discard(self)
        if self._generation is not None:
            self._generation.close()
            self._generation = None
        if self._hold is not None:
            fcntl.flock(self._hold, fcntl.LOCK_UN)  # for a child that was forked and has not let go of it yet
            os.close(self._hold)
            self._hold = None

    def leave_to_parent(self) -> None:
        """In a forked child: let go of what the parent goes on using, unless a transaction was running."""
        if self._hold is not None:
            os.close(self._hold)
            self._hold = None
        if self._generation is not None and not self._gate.live:
            self._generation.close()

    @contextlib.contextmanager
    def _retained(self) -> Iterator[None]:
        self._environment.retain()
        try:
            yield
        finally:
            self._environment.release()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        remedy = "if the store itself verifies, discard this successor of it"
        with lmdb_errors(self._directory, remedy):
            yield


def _finish(
    fn: Callable[[View, Update], T], view: View, last: Receipt | None
) -> Callable[[OpenGeneration], tuple[tuple[T, Receipt]] | None]:
    return lambda generation: generation.try_finish(lambda tx: fn(view, tx), last)


_open: set[LmdbSuccessor] = set()


def _after_fork_in_child() -> None:
    for successor in _open:
        successor.leave_to_parent()


os.register_at_fork(after_in_child=_after_fork_in_child)
