"""The default engine: LMDB 0.9, one directory, many processes.

Why each step stands as it does is measured in docs/design/003-lmdb.md; the shortcuts lose data.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self

import lmdb

from pithstore.engine import EngineLimits, Item, T, Update, View
from pithstore.engine.gate import Gate
from pithstore.engine.generations import (
    FIRST_GENERATION,
    WRITE_LOCK,
    Stamp,
    check_data_file,
    current_stamp,
    hold_in_use,
    move_current,
    prepare_directory,
    read_current,
    sync_directory,
)
from pithstore.engine.write_lock import WriteLock
from pithstore.errors import Damaged, NoStore, PithstoreError, StorageFailed, StoreBusy, UsageError

LIMITS = EngineLimits(key_bytes=511, value_bytes=None, transaction_bytes=None)
RESERVED = 2**40  # bytes of address space; the file is as long as its last page
PATIENCE = 60.0  # seconds that a writer waits for the others
_LEAST_MAP = 2**20
_READERS = 1024
_GROWTH_BETWEEN_READER_CHECKS = 2**20


class LmdbEngine:
    """A handle on the LMDB store in a directory; all handles of one process share one environment.

    Not for network file systems, nor for containers that share the directory but not their process ids.
    """

    limits = LIMITS

    def __init__(self, environment: _Environment, *, readonly: bool, patience: float) -> None:
        self._environment = environment
        self._readonly = readonly
        self._patience = patience
        self._closed = False

    @classmethod
    def create(
        cls,
        directory: str | os.PathLike[str],
        spaces: Sequence[str],
        first: Callable[[Update], object] | None = None,
        *,
        patience: float = PATIENCE,
        map_size: int | None = None,
    ) -> Self:
        """A new store in a directory that is absent or empty, open for writing.

        What `first` writes is there before anybody can open the store: it exists whole or not at all.
        """
        root = Path(directory)
        with _translated(root):
            prepare_directory(root)
            lock = WriteLock(root / WRITE_LOCK)
            try:
                with lock.held(patience):
                    _create_generation(root, spaces, first)
            finally:
                lock.close()
        return cls.open(root, spaces, patience=patience, map_size=map_size)

    @classmethod
    def open(
        cls,
        directory: str | os.PathLike[str],
        spaces: Sequence[str],
        *,
        readonly: bool = False,
        patience: float = PATIENCE,
        map_size: int | None = None,
    ) -> Self:
        """The store in that directory; NoStore, Damaged, StoreBusy or StorageFailed where it cannot be opened.

        `patience` is how many seconds an update waits for other writers, `map_size` the address space to start
        with (bytes; it grows by itself).
        """
        root = Path(directory)
        with _translated(root):
            environment = _shared_environment(root, tuple(spaces), readonly=readonly, map_size=map_size)
        return cls(environment, readonly=readonly, patience=patience)

    def view(self, fn: Callable[[View], T]) -> T:
        """What `fn` returns for one consistent state of the store."""
        return self._open_environment().view(fn)

    def update(self, fn: Callable[[Update], T]) -> T:
        """What `fn` returned in the run whose writes are now on the medium."""
        environment = self._open_environment()
        if self._readonly:
            raise UsageError(f"{environment.root} was opened read-only; open it for writing to change it")
        return environment.update(fn, self._patience)

    def stored_bytes(self) -> int:
        """How many bytes the files of the store take on the medium."""
        root = self._open_environment().root
        return sum(path.lstat().st_blocks * 512 for path in root.rglob("*") if path.is_file())

    def close(self) -> None:
        """Close the handle, and the environment with the last handle on it."""
        if not self._closed:
            self._closed = True
            _release(self._environment)

    def _open_environment(self) -> _Environment:
        if self._closed:
            raise UsageError("the store is closed")
        return self._environment


def _create_generation(root: Path, spaces: Sequence[str], first: Callable[[Update], object] | None) -> None:
    with contextlib.suppress(NoStore):
        read_current(root)
        raise UsageError(f"there is a store at {root} already")
    directory = root / FIRST_GENERATION
    directory.mkdir(mode=0o700, exist_ok=True)
    os.close(hold_in_use(directory, create=True))
    environment = _reserve(directory, RESERVED, readonly=False)
    try:
        with environment.begin(write=True) as raw:
            databases = _open_spaces(environment, raw, spaces)
            if first is not None:
                with _Transaction.around(raw, databases) as transaction:
                    first(transaction)
    finally:
        environment.close()
    sync_directory(directory)
    move_current(root, FIRST_GENERATION)


class _Transaction:
    """A transaction of the port on one of LMDB's, usable until its closure returns."""

    __slots__ = ("_databases", "_raw")

    def __init__(self, raw: lmdb.Transaction[bytes], databases: dict[str, lmdb._Database]) -> None:
        self._raw: lmdb.Transaction[bytes] | None = raw
        self._databases = databases

    @classmethod
    @contextlib.contextmanager
    def around(cls, raw: lmdb.Transaction[bytes], databases: dict[str, lmdb._Database]) -> Iterator[Self]:
        """The transaction, cut off from LMDB's when the block ends."""
        transaction = cls(raw, databases)
        try:
            yield transaction
        finally:
            transaction._raw = None

    def _at(self, space: str) -> tuple[lmdb.Transaction[bytes], lmdb._Database]:
        if self._raw is None:
            raise UsageError("the transaction has ended: use it only inside the function it was given to")
        if space not in self._databases:
            raise UsageError(f"the engine was not opened with a space {space!r}")
        return self._raw, self._databases[space]

    def _cursor(self, space: str) -> lmdb.Cursor[bytes]:
        raw, database = self._at(space)
        return raw.cursor(db=database)

    def get_many(self, space: str, keys: Sequence[bytes]) -> list[bytes | None]:
        raw, database = self._at(space)
        return [raw.get(key, db=database) for key in keys]

    def has_many(self, space: str, keys: Sequence[bytes]) -> list[bool]:
        cursor = self._cursor(space)
        return [cursor.set_key(key) for key in keys]

    def scan(
        self,
        space: str,
        *,
        prefix: bytes = b"",
        after: bytes | None = None,
        limit: int,
        reverse: bool = False,
    ) -> list[Item]:
        cursor = self._cursor(space)
        found = _place_before(cursor, prefix, after) if reverse else _place_after(cursor, prefix, after)
        step = cursor.prev if reverse else cursor.next
        items: list[Item] = []
        while found and len(items) < limit:
            key = cursor.key()
            if not key.startswith(prefix):
                break
            items.append((key, cursor.value()))
            found = step()
        return items

    def create_many(self, space: str, items: Iterable[Item], *, rising: bool = False) -> int:
        listed = _checked(items)
        cursor = self._cursor(space)
        append = rising and _rises(listed) and (not cursor.last() or cursor.key() < listed[0][0])
        return cursor.putmulti(listed, overwrite=False, append=append)[1]

    def put_many(self, space: str, items: Iterable[Item]) -> None:
        self._cursor(space).putmulti(_checked(items))

    def delete_many(self, space: str, keys: Iterable[bytes]) -> int:
        raw, database = self._at(space)
        return sum(raw.delete(key, db=database) for key in keys)


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


def _checked(items: Iterable[Item]) -> list[Item]:
    listed = list(items)
    for key, _ in listed:
        if not 1 <= len(key) <= 511:
            raise ValueError(f"a key has 1 to 511 bytes, not {len(key)}")
    return listed


def _rises(items: list[Item]) -> bool:
    return bool(items) and all(items[i][0] < items[i + 1][0] for i in range(len(items) - 1))


class _Environment:
    """LMDB's environment on the generation that counts, shared by all handles of this process."""

    def __init__(self, root: Path, spaces: tuple[str, ...], *, readonly: bool, map_size: int | None) -> None:
        self.root = root
        self.readonly = readonly
        self.handles = 0
        self.pid = os.getpid()
        self._spaces = spaces
        self._map_size = map_size or RESERVED
        self._gate = Gate()
        self._lock = WriteLock(root / WRITE_LOCK)
        self._stamp: Stamp | None = None
        self._open_generation()

    def view(self, fn: Callable[[View], T]) -> T:
        self._refuse_fork()
        with _translated(self.root):
            while True:
                self._follow_current()
                with self._gate.shared():
                    seen = self._map_bytes()
                    with contextlib.suppress(lmdb.MapResizedError):
                        raw = self._raw.begin()
                        try:
                            with _Transaction.around(raw, self._databases) as transaction:
                                return fn(transaction)
                        finally:
                            raw.abort()
                self._grow_map(seen)

    def update(self, fn: Callable[[Update], T], patience: float) -> T:
        self._refuse_fork()
        self._gate.refuse_nested()
        with _translated(self.root), self._lock.held(patience):
            while True:
                self._follow_current()
                with self._gate.shared():
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
            with _Transaction.around(raw, self._databases) as transaction:
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
        """Make the map larger than the one that was too small, for this process's part or another's."""
        with self._gate.exclusive():
            if self._map_bytes() > seen:
                return
            self._raw.reader_check()
            size = 2 * max(seen, self._data_file.stat().st_size)
            try:
                self._raw.set_mapsize(size)
            except lmdb.MemoryError:
                self._close_generation()  # LMDB has let go of the old map already
                raise StorageFailed(
                    f"{self.root}: the system gives no {size} bytes of address space; raise the limit (ulimit -v)"
                ) from None

    def _check_readers_after_growth(self) -> None:
        """Free the slots of readers that died: what they pinned makes the file grow."""
        size = self._data_file.stat().st_size
        if size - self._size_at_reader_check >= _GROWTH_BETWEEN_READER_CHECKS:
            self._raw.reader_check()
            self._size_at_reader_check = size

    def _follow_current(self) -> None:
        if current_stamp(self.root) != self._stamp:
            with self._gate.exclusive():
                if current_stamp(self.root) != self._stamp:
                    self._close_generation()
                    self._open_generation()

    def _open_generation(self) -> None:
        while True:
            name, stamp = read_current(self.root)
            directory = self.root / name
            with contextlib.suppress(FileNotFoundError):  # swept between the two looks: look again
                check_data_file(directory / "data.mdb")
                self._in_use = hold_in_use(directory, create=not self.readonly)
                if current_stamp(self.root) == stamp:
                    break
                os.close(self._in_use)
        self._data_file = directory / "data.mdb"
        self._raw = _reserve(directory, self._map_size, readonly=self.readonly)
        self._stamp = stamp
        self._raw.reader_check()
        self._size_at_reader_check = self._data_file.stat().st_size
        self._databases = self._open_databases()

    def _open_databases(self) -> dict[str, lmdb._Database]:
        while True:
            seen = self._map_bytes()
            try:
                with self._raw.begin() as raw:  # its commit keeps the handles (lmdb.h, mdb_dbi_open)
                    return _open_spaces(self._raw, raw, self._spaces, create=False)
            except lmdb.MapResizedError:
                self._grow_map(seen)
            except lmdb.NotFoundError:
                raise Damaged(f"{self._data_file} lacks a space of its format; restore it from a copy") from None

    def _close_generation(self) -> None:
        if self._stamp is not None:
            self._stamp = None
            self._raw.close()
            os.close(self._in_use)

    def close(self) -> None:
        with self._gate.exclusive():
            self._close_generation()
        self._lock.close()

    def leave_to_parent(self) -> None:
        """In a forked child: let go of what the parent goes on using, unless a transaction was running."""
        if not self._gate.live:
            self._close_generation()
        self._lock.close()

    def _refuse_fork(self) -> None:
        if self.pid != os.getpid():
            raise UsageError(f"{self.root} was opened before this process was forked; open it again here")


def _abort(raw: lmdb.Transaction[bytes] | None) -> None:
    if raw is not None:
        with contextlib.suppress(lmdb.Error):  # a commit that failed has ended it already
            raw.abort()


def _reserve(directory: Path, map_size: int, *, readonly: bool) -> lmdb.Environment:
    """The environment, with that much address space or as much of it as the system gives."""
    while True:
        try:
            return lmdb.open(
                str(directory),
                map_size=map_size,
                readonly=readonly,
                mode=0o600,
                max_dbs=32,
                max_readers=_READERS,
                lib_version=0,  # LMDB 0.9, whatever LMDB_DEFAULT_LIB_VERSION says
            )
        except lmdb.MemoryError:
            if map_size <= _LEAST_MAP:
                raise
            map_size //= 2


def _open_spaces(
    environment: lmdb.Environment, raw: lmdb.Transaction[bytes], spaces: Sequence[str], *, create: bool = True
) -> dict[str, lmdb._Database]:
    return {space: environment.open_db(space.encode(), txn=raw, create=create) for space in spaces}


@contextlib.contextmanager
def _translated(root: Path) -> Iterator[None]:
    """Turn what LMDB and the system say into the catalogue's errors, in words that say what to do."""
    try:
        yield
    except lmdb.ReadersFullError:
        raise StoreBusy(f"{root}: over {_READERS} readers at once; try again when some have ended") from None
    except _DAMAGE as error:
        raise Damaged(f"{root}: the data file is damaged ({_plain(error)}); restore it from a copy") from None
    except lmdb.Error as error:
        raise _storage_failed(root, error.code, _plain(error)) from None
    except OSError as error:
        raise _storage_failed(root, error.errno or 0, error.strerror or str(error)) from None


_DAMAGE = (
    lmdb.CorruptedError,
    lmdb.InvalidError,
    lmdb.PageNotFoundError,
    lmdb.VersionMismatchError,
    lmdb.BadTxnError,
    lmdb.IncompatibleError,
)


def _plain(error: lmdb.Error) -> str:
    return re.sub(r"\bmdb_\w+: |\bMDB_\w+: ", "", str(error))


def _storage_failed(root: Path, code: int, why: str) -> PithstoreError:
    if code in (errno.EACCES, errno.EPERM):
        return StorageFailed(
            f"{root}: permission denied; readers write to lock.mdb beside the data: use the account that owns the "
            "store, or give this one write permission, or read a copy"
        )
    if code == errno.EROFS:
        return StorageFailed(f"{root}: the file system is read-only; open the store read-only")
    if code in (errno.ENOSPC, errno.EDQUOT):
        return StorageFailed(f"{root}: the disk is full; nothing of this transaction was stored, free some space")
    return StorageFailed(f"{root}: {os.strerror(code) if code > 0 else why}")


_opening = threading.Lock()
_open: dict[tuple[int, int], _Environment] = {}


def _shared_environment(
    root: Path, spaces: tuple[str, ...], *, readonly: bool, map_size: int | None
) -> _Environment:
    with _opening:
        read_current(root)  # NoStore before anything else is said
        status = root.stat()
        environment = _open.get((status.st_dev, status.st_ino))
        if environment is None:
            environment = _Environment(root, spaces, readonly=readonly, map_size=map_size)
            _open[status.st_dev, status.st_ino] = environment
        environment._refuse_fork()
        if environment.readonly and not readonly:
            raise UsageError(f"{root} is open read-only in this process; close it before opening it for writing")
        environment.handles += 1
        return environment


def _release(environment: _Environment) -> None:
    with _opening:
        environment.handles -= 1
        if environment.handles == 0 and environment.pid == os.getpid():
            for key in [key for key, value in _open.items() if value is environment]:
                del _open[key]
            environment.close()


def _after_fork_in_child() -> None:
    global _opening  # another thread of the parent may have held it
    _opening = threading.Lock()
    for key, environment in list(_open.items()):
        environment.leave_to_parent()
        if not environment._gate.live:
            del _open[key]


os.register_at_fork(after_in_child=_after_fork_in_child)
