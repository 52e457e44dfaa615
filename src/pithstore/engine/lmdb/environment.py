"""LMDB's environment on the generation that counts, one for all handles of a process."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable

import lmdb

from pithstore.engine import T, Update, View
from pithstore.engine.gate import Gate
from pithstore.engine.generations import (
    Stamp,
    current_stamp,
    hold_in_use,
    read_current,
)
from pithstore.engine.lmdb.data_file import check_data_file
from pithstore.engine.lmdb.transaction import LmdbTransaction
from pithstore.engine.lmdb.translate import MAX_READERS
from pithstore.engine.system_errors import system_errors
from pithstore.engine.write_lock import WriteLock
from pithstore.errors import Damaged, StorageFailed, UsageError

RESERVED = 2**40  # bytes of address space; the file is as long as its last page
_LEAST_MAP = 2**20
_GROWTH_BETWEEN_READER_CHECKS = 2**20


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
        self._map_size = map_size or RESERVED
        self._lock = WriteLock(root)
        self._stamp: Stamp | None = None
        self._size_at_reader_check = 0
        try:
            self._follow_current(patience)
        except BaseException:  # whatever it is, Ctrl-C too: nothing may stay open behind it
            self._lock.close()
            raise

    def view(self, fn: Callable[[View], T], patience: float) -> T:
        """What `fn` returns for one consistent state of the store."""
        self.gate.refuse_nested()
        while True:
            self._follow_current(patience)
            with self.gate.shared():
                seen = self._map_bytes()
                with contextlib.suppress(lmdb.MapResizedError):
                    raw = self._raw.begin()
                    try:
                        with LmdbTransaction.around(raw, self._databases) as transaction:
                            return fn(transaction)
                    finally:
                        raw.abort()
            self._grow_map(seen)

    def update(self, fn: Callable[[Update], T], patience: float) -> T:
        """What `fn` returned in the run that was committed."""
        self.gate.refuse_nested()
        with self._lock.held(patience):
            while True:
                with system_errors(self.root):
                    self._reopen_if_moved()
                with self.gate.shared():
                    seen = self._map_bytes()
                    done = self._try_update(fn)
                if done is not None:
                    return done[0]
                self._grow_map(seen)

    def _try_update(self, fn: Callable[[Update], T]) -> tuple[T] | None:
        """What `fn` returned, committed; None where the map was too small, and nothing happened."""
        raw: lmdb.Transaction[bytes] | None = None
        try:
            raw = self._raw.begin(write=True)
            with LmdbTransaction.around(raw, self._databases) as transaction:
                result = fn(transaction)
            raw.commit()
        except (lmdb.MapFullError, lmdb.MapResizedError):
            _abort(raw)
            return None
        except BaseException:  # Ctrl-C too: the transaction must not stay open
            _abort(raw)
            raise
        self._check_readers_after_growth()
        return (result,)

    def _map_bytes(self) -> int:
        return self._raw.info()["map_size"]

    def _grow_map(self, seen: int) -> None:
        with self.gate.exclusive():
            if self._map_bytes() <= seen:
                self._resize(seen)

    def _resize(self, seen: int) -> None:
        """Make the map larger than the one that was too small, for what this process or another wrote."""
        self._raw.reader_check()
        size = 2 * max(seen, os.stat(self._data_file).st_size)
        try:
            self._raw.set_mapsize(size)
        except lmdb.MemoryError:
            self._close_generation()  # LMDB has let go of the old map already
            raise StorageFailed(
                f"{self.root}: the system gives no {size} bytes of address space; raise the limit (ulimit -v)"
            ) from None

    def _check_readers_after_growth(self) -> None:
        """Free the slots of readers that died: what they pinned makes the file grow."""
        size = os.stat(self._data_file).st_size
        if size - self._size_at_reader_check >= _GROWTH_BETWEEN_READER_CHECKS:
            self._raw.reader_check()
            self._size_at_reader_check = size

    def _follow_current(self, patience: float) -> None:
        with system_errors(self.root):
            if current_stamp(self.root) == self._stamp:
                return
            # Opening the spaces takes LMDB's write lock where one can write: wait for ours, which can end.
            with contextlib.nullcontext() if self.readonly else self._lock.held(patience):
                self._reopen_if_moved()

    def _reopen_if_moved(self) -> None:
        if current_stamp(self.root) != self._stamp:
            with self.gate.exclusive():
                if current_stamp(self.root) != self._stamp:
                    self._close_generation()
                    self._open_generation()

    def _open_generation(self) -> None:
        directory, stamp, in_use = self._choose_generation()
        try:
            check_data_file(os.path.join(directory, "data.mdb"))
            self._raw = reserve(directory, self._map_size, readonly=self.readonly)
        except BaseException:  # whatever it is, Ctrl-C too: nothing may stay open behind it
            os.close(in_use)
            raise
        self._stamp, self._in_use, self._data_file = stamp, in_use, os.path.join(directory, "data.mdb")
        try:
            self._raw.reader_check()
            self._size_at_reader_check = os.stat(self._data_file).st_size
            self._databases = {space: self._open_space(space) for space in self.spaces}
        except BaseException:  # whatever it is, Ctrl-C too: nothing may stay open behind it
            self._close_generation()
            raise

    def _choose_generation(self) -> tuple[str, Stamp, int]:
        """The directory that counts, checked, with the stamp of CURRENT and a descriptor that keeps it."""
        while True:
            name, stamp = read_current(self.root)
            directory = os.path.join(self.root, name)
            try:
                in_use = hold_in_use(directory)
            except FileNotFoundError:
                if current_stamp(self.root) == stamp:
                    raise Damaged(f"{directory} is missing; restore the store from a copy") from None
                continue  # a sweep was quicker: CURRENT names another one now
            if current_stamp(self.root) == stamp:
                return directory, stamp, in_use
            os.close(in_use)

    def _open_space(self, space: str) -> lmdb._Database | None:
        """The space; None where it is one that may be missing, is, and cannot be made."""
        later = space in self._later
        while True:
            seen = self._map_bytes()
            try:
                return self._raw.open_db(space.encode(), create=later and not self.readonly)
            except (lmdb.MapResizedError, lmdb.MapFullError):
                self._resize(seen)
            except lmdb.NotFoundError:
                if later:
                    return None
                raise Damaged(f"{self._data_file} lacks a space of its format; restore it from a copy") from None

    def _close_generation(self) -> None:
        if self._stamp is not None:
            self._stamp = None
            self._raw.close()
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
            self._lock.close()

    def leave_to_parent(self) -> None:
        """In a forked child: let go of what the parent goes on using, unless a transaction was running."""
        if not self.gate.live:
            self._close_generation()
        self._lock.close()


def _abort(raw: lmdb.Transaction[bytes] | None) -> None:
    if raw is not None:
        with contextlib.suppress(lmdb.Error):  # a commit that failed has ended it already
            raw.abort()


def reserve(directory: str, map_size: int, *, readonly: bool) -> lmdb.Environment:
    """The environment, with that much address space or as much of it as the system gives."""
    while True:
        try:
            return lmdb.open(
                os.fsencode(directory),  # a name need not be UTF-8
                map_size=map_size,
                readonly=readonly,
                mode=0o600,
                max_dbs=32,
                max_readers=MAX_READERS,
                lib_version=0,  # LMDB 0.9, whatever LMDB_DEFAULT_LIB_VERSION says
            )
        except lmdb.MemoryError:
            if map_size <= _LEAST_MAP:
                raise
            map_size //= 2


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
