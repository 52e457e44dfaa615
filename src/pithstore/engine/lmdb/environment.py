"""LMDB's environment on the generation that counts, one for all handles of a process."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from pithstore.engine import T, Update, View
from pithstore.engine.gate import Gate
from pithstore.engine.generations import (
    CURRENT,
    Stamp,
    current_stamp,
    hold_current,
    is_current,
    read_current,
    sweep,
)
from pithstore.engine.lmdb.data_file import check_data_file
from pithstore.engine.lmdb.open_generation import RESERVED, OpenGeneration
from pithstore.engine.lmdb.receipt import (
    Receipt,
    ReceiptState,
    check_receipt,
    note_receipt,
    noted_receipt,
    sync_receipt,
)
from pithstore.engine.system_errors import system_errors
from pithstore.engine.write_lock import WriteLock
from pithstore.errors import StorageFailed, UsageError

if TYPE_CHECKING:
    from pithstore.engine.lmdb.walk import Finding


class Environment:
    """LMDB's environment, reopened when CURRENT moves and resized when the data outgrows its map.

    Order of the locks: the write lock, then the gate.  Whoever waits for the write lock holds nothing.
    """

    def __init__(
        self,
        root: str,
        spaces: tuple[str, ...],
        later: tuple[str, ...],
        *,
        readonly: bool,
        patience: float,
        map_size: int | None,
    ) -> None:
        self.root = root
        self.readonly = readonly
        self.gate = Gate()
        self._users = 1
        self._pid = os.getpid()
        self.spaces = spaces
        self._later = later
        self.map_size = map_size or RESERVED
        self._lock = WriteLock(root)
        self._current = os.path.join(root, CURRENT)
        self._stamp: Stamp | None = None
        self._noted = False
        try:
            self._follow_current(patience)
        except BaseException:  # whatever it is, Ctrl-C too: nothing may stay open behind it
            self._lock.close()
            raise

    def view(self, fn: Callable[[View], T], patience: float) -> T:
        """What `fn` returns for one consistent state of the store."""
        return self._read(lambda generation: generation.try_view(fn), patience)

    def update(self, fn: Callable[[Update], T], patience: float) -> T:
        """What `fn` returned in the run that was committed, and noted in RECEIPT."""
        with self.writing(patience):
            while True:
                self.gate.enter()
                try:
                    seen = self._generation.map_bytes
                    done = self._generation.try_commit(fn)
                finally:
                    self.gate.leave()
                if done is not None:
                    result, receipt = done
                    if receipt is not None:
                        self.note(receipt)
                    return result
                self._grow_map(seen)

    def receipt(self, patience: float) -> Receipt | None:
        """The receipt of the store's last commit, if it has one."""
        return self._read(OpenGeneration.try_receipt, patience)

    def note(self, receipt: Receipt) -> None:
        """Note in RECEIPT what has become the store's last commit; whoever is `writing` calls it."""
        note_receipt(self.root, receipt)
        self._noted = True

    def receipt_state(self, patience: float) -> ReceiptState:
        """What RECEIPT is worth; Damaged where the store is not what it knows of."""
        noted = noted_receipt(self.root)  # first: the store may go on meanwhile
        check_receipt(self.root, noted, self.receipt(patience))
        return ReceiptState.MISSING if noted is None else ReceiptState.SOUND

    def walk(self, patience: float) -> list[Finding]:
        """What is wrong with the structure of the data file, in one state of it."""
        from pithstore.engine.lmdb.walk import walk

        return self.view(lambda _: walk(os.path.join(self.directory, "data.mdb")), patience)

    def _read(self, attempt: Callable[[OpenGeneration], tuple[T] | None], patience: float) -> T:
        self.gate.refuse_nested()
        while True:
            self._follow_current(patience)
            self.gate.enter()
            try:
                seen = self._generation.map_bytes
                done = attempt(self._generation)
            finally:
                self.gate.leave()
            if done is not None:
                return done[0]
            self._grow_map(seen)

    @contextlib.contextmanager
    def writing(self, patience: float) -> Iterator[None]:
        """Keep out all who write, of all processes; CURRENT stays where it is, and the environment is there.

        CURRENT may have moved while we waited for the lock: what was then written to the old generation, with all
        locks held and no error, would be lost.
        """
        self.gate.refuse_nested()
        with self._lock.held(patience):
            with system_errors(self.root):
                self._reopen_if_moved()
            yield

    def follow_at_once(self) -> None:
        """Be in the generation that counts now, if nobody is inside; whoever is `writing` calls it."""
        if not self.gate.live:
            self._reopen_if_moved()

    @property
    def directory(self) -> str:
        """The generation that is open."""
        return self._generation.directory

    def _grow_map(self, seen: int) -> None:
        with self.gate.exclusive():
            try:
                self._generation.grow(seen)
            except StorageFailed:
                self._close_generation()
                raise

    def _follow_current(self, patience: float) -> None:
        if self._stamp is not None and is_current(self._current, self._stamp):
            return
        # Opening the spaces takes LMDB's write lock where one can write: wait for ours, which can end.
        unwritten = contextlib.nullcontext() if self.readonly else self._lock.held(patience)
        with system_errors(self.root), unwritten:
            self._reopen_if_moved()

    def _reopen_if_moved(self) -> None:
        if current_stamp(self.root) != self._stamp:
            with self.gate.exclusive():
                if current_stamp(self.root) != self._stamp:
                    self._close_generation()
                    self._open_generation()

    def _open_generation(self) -> None:
        noted = noted_receipt(self.root)  # before CURRENT is read: both may move on meanwhile, never back
        directory, stamp, in_use = hold_current(self.root)
        try:
            self._generation = self._checked_generation(directory, noted)
        except BaseException:  # whatever it is, Ctrl-C too: nothing may stay open behind it
            os.close(in_use)
            raise
        self._stamp, self._in_use = stamp, in_use
        if not self.readonly:
            sweep(self.root, directory)

    def _checked_generation(self, directory: str, noted: Receipt | None) -> OpenGeneration:
        check_data_file(os.path.join(directory, "data.mdb"))
        generation = OpenGeneration(
            directory, self.spaces, self._later, readonly=self.readonly, map_size=self.map_size
        )
        try:
            check_receipt(self.root, noted, generation.receipt())
        except BaseException:  # whatever it is, Ctrl-C too: nothing may stay open behind it
            generation.close()
            raise
        return generation

    def _close_generation(self) -> None:
        if self._stamp is not None:
            self._stamp = None
            self._generation.close()
            os.close(self._in_use)

    def retain(self) -> None:
        """Take part in the environment until `release`; UsageError where it is closed, or another process's."""
        if self.forked:
            raise UsageError(f"{self.root} was opened before this process was forked; open it again here")
        with _counting:
            if not self._users:
                raise UsageError("the store is closed")
            self._users += 1

    def release(self) -> None:
        """End taking part; the last one closes the environment."""
        if self.forked:
            return
        with _counting:
            self._users -= 1
            last = self._users == 0
        if last:
            with _opening(self.root):
                self.shut()

    @property
    def forked(self) -> bool:
        """Whether this process is not the one that opened the environment."""
        return self._pid != os.getpid()

    @property
    def unused(self) -> bool:
        """Whether the last user has left."""
        return not self._users

    def shut(self) -> None:
        """Close what nobody uses any more; whoever does it holds the lock on opening."""
        if _forget(self):
            with self.gate.exclusive():
                self._close_generation()
            if self._noted:
                sync_receipt(self.root)
            self._lock.close()

    def leave_to_parent(self) -> None:
        """In a forked child: let go of what the parent goes on using, unless a transaction was running."""
        if not self.gate.live:
            self._close_generation()
        self._lock.close()


_counting = threading.Lock()
_open: dict[tuple[int, int], Environment] = {}
_roots: dict[str, threading.Lock] = {}


def _opening(root: str) -> threading.Lock:
    """The lock under which this process opens and closes that store: LMDB must never have it open twice."""
    with _counting:
        return _roots.setdefault(os.path.realpath(root), threading.Lock())


def _forget(environment: Environment) -> bool:
    known = [key for key, other in _open.items() if other is environment]
    for key in known:
        del _open[key]
    return bool(known)


@contextlib.contextmanager
def unopened(root: str) -> Iterator[None]:
    """Keep this process from opening the store; UsageError where it has it open."""
    with system_errors(root), _opening(root):
        read_current(root)  # NoStore before anything else is said
        status = os.stat(root)
        environment = _open.get((status.st_dev, status.st_ino))
        if environment is not None and not environment.unused:
            raise UsageError(f"{root} is open in this process; close it before this")
        if environment is not None:
            environment.shut()  # before whoever left last gets to it
        yield


def share(
    root: str,
    spaces: tuple[str, ...],
    later: tuple[str, ...],
    *,
    readonly: bool,
    patience: float,
    map_size: int | None,
) -> Environment:
    """The environment of this process on that directory, retained once more for the caller."""
    with system_errors(root), _opening(root):
        read_current(root)  # NoStore before anything else is said
        status = os.stat(root)
        environment = _open.get((status.st_dev, status.st_ino))
        if environment is not None and environment.unused:
            environment.shut()  # before whoever left last gets to it
            environment = None
        if environment is None:
            environment = Environment(root, spaces, later, readonly=readonly, patience=patience, map_size=map_size)
            _open[status.st_dev, status.st_ino] = environment
            return environment
        if environment.forked:
            raise UsageError(
                f"{root}: this process was forked inside a transaction; start it with spawn, or fork later"
            )
        if environment.spaces != spaces:
            raise UsageError(f"{root} is open in this process with other spaces")
        if environment.readonly and not readonly:
            raise UsageError(f"{root} is open read-only in this process; close it before opening it for writing")
        environment.retain()
        return environment


def _after_fork_in_child() -> None:
    global _counting  # another thread of the parent may have held it
    _counting = threading.Lock()
    _roots.clear()
    for key, environment in list(_open.items()):
        environment.leave_to_parent()
        if not environment.gate.live:
            del _open[key]


os.register_at_fork(after_in_child=_after_fork_in_child)
