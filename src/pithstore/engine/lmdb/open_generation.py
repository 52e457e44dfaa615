"""One generation of a store, mapped: its spaces, its transactions, and its map, which grows."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import lmdb

from pithstore.engine import Item, T, Update, View
from pithstore.engine.lmdb.receipt import Receipt, store_receipt, stored_receipt
from pithstore.engine.lmdb.transaction import LmdbTransaction
from pithstore.engine.lmdb.translate import MAX_READERS
from pithstore.errors import Damaged, StorageFailed

RESERVED = 2**40  # bytes of address space; the file is as long as its last page
_LEAST_MAP = 2**20
_LOCK_FILE_BYTES = 64 * (MAX_READERS + 2)  # what mdb_env_setup_locks makes it
_GROWTH_BETWEEN_READER_CHECKS = 2**20
_UNFINISHED = b"unfinished successor"  # in LMDB's main database, where the spaces have their names


class OpenGeneration:
    """LMDB's environment in a directory, with these spaces; those in `later` may be missing, and are then made.

    `grow` and `close` must have it alone, without a transaction of this process: see `gate`.
    """

    def __init__(
        self, directory: str, spaces: Sequence[str], later: Collection[str], *, readonly: bool, map_size: int
    ) -> None:
        self.directory = directory
        self._data_file = os.path.join(directory, "data.mdb")
        self._raw = reserve(directory, map_size, readonly=readonly)
        self.map_bytes = self._raw.info()["map_size"]
        """The size of the map now, to be given to `grow` by a transaction that did not fit."""
        try:
            self._raw.reader_check()
            self._size_at_reader_check = os.stat(self._data_file).st_size
            self._databases = {
                space: self._open_space(space, space in later, readonly=readonly) for space in spaces
            }
        except BaseException:  # whatever it is, Ctrl-C too: nothing may stay open behind it
            self.close()
            raise

    def try_view(self, fn: Callable[[View], T]) -> tuple[T] | None:
        """What `fn` returned for one state; None where another process wrote beyond the map."""
        return self._try_read(lambda raw: LmdbTransaction(raw, self._databases).run(fn))

    def try_receipt(self) -> tuple[Receipt | None] | None:
        """The receipt of the last commit, if it has one; None where another process wrote beyond the map."""
        return self._try_read(self._receipt)

    def receipt(self) -> Receipt | None:
        """The receipt of the last commit, if it has one; the caller has the generation alone."""
        while True:
            seen = self.map_bytes
            done = self.try_receipt()
            if done is not None:
                return done[0]
            self._resize(seen)

    def receipt_or_new(self) -> Receipt:
        """The receipt of the last commit; where it has none, or a broken one, that of a new history."""
        with contextlib.suppress(Damaged):
            found = self.receipt()
            if found is not None:
                return found
        while True:
            seen = self.map_bytes
            done = self._try_write(lambda raw: (store_receipt(raw, Receipt.begun().advanced()),))
            if done is not None:
                return done[0]
            self._resize(seen)

    def try_update(self, fn: Callable[[Update], T]) -> tuple[T] | None:
        """What `fn` returned, committed to a successor; None where the map was too small, and nothing happened."""
        return self._try_write(lambda raw: (LmdbTransaction(raw, self._databases).run(fn),))

    def try_commit(self, fn: Callable[[Update], T]) -> tuple[T, Receipt | None] | None:
        """What `fn` returned, committed to the store, and the receipt, if there was anything to commit.

        None where the map was too small, and nothing happened.
        """
        return self._try_write(lambda raw: self._receipted(raw, fn))

    def try_finish(self, fn: Callable[[Update], T], last: Receipt | None) -> tuple[tuple[T, Receipt]] | None:
        """What `fn` returned, with which a successor is finished, and the receipt, the one after the store's last.

        None where the map was too small, and nothing happened.
        """

        def finish(raw: lmdb.Transaction[bytes]) -> tuple[tuple[T, Receipt]]:
            result = LmdbTransaction(raw, self._databases).run(fn)
            raw.delete(_UNFINISHED)
            return ((result, store_receipt(raw, (last or Receipt.begun()).advanced())),)

        return self._try_write(finish)

    def _receipted(self, raw: lmdb.Transaction[bytes], fn: Callable[[Update], T]) -> tuple[T, Receipt | None]:
        transaction = _Noticing(raw, self._databases)
        result = transaction.run(fn)
        if not transaction.wrote:
            return result, None
        return result, store_receipt(raw, (self._receipt(raw) or Receipt.begun()).advanced())

    def _receipt(self, raw: lmdb.Transaction[bytes]) -> Receipt | None:
        return stored_receipt(raw, self._data_file)

    def _try_read(self, read: Callable[[lmdb.Transaction[bytes]], T]) -> tuple[T] | None:
        try:
            raw = self._raw.begin()
        except lmdb.MapResizedError:
            return None
        try:
            return (read(raw),)
        finally:
            raw.abort()

    def _try_write(self, write: Callable[[lmdb.Transaction[bytes]], T]) -> T | None:
        raw: lmdb.Transaction[bytes] | None = None
        try:
            raw = self._raw.begin(write=True)
            result = write(raw)
            raw.commit()
        except (lmdb.MapFullError, lmdb.MapResizedError):
            _abort(raw)
            return None
        except BaseException:  # Ctrl-C too: the transaction must not stay open
            _abort(raw)
            raise
        self._check_readers_after_growth()
        return result

    def unfinished(self) -> bool:
        """Whether this is a successor that was not finished: never one that took over, or was about to."""
        with self._raw.begin() as raw:
            return raw.get(_UNFINISHED) is not None

    def mark_unfinished(self) -> None:
        """Mark it as a successor in the making."""
        with self._raw.begin(write=True) as raw:
            raw.put(_UNFINISHED, b"")

    def grow(self, seen: int) -> None:
        """Make the map larger than it was then, for what this process or another wrote.

        StorageFailed where the system gives no more; the generation is closed then.
        """
        if self.map_bytes <= seen:
            self._resize(seen)

    def close(self) -> None:
        """Unmap it."""
        self._raw.close()

    def _resize(self, seen: int) -> None:
        self._raw.reader_check()
        size = 2 * max(seen, os.stat(self._data_file).st_size)
        try:
            self._raw.set_mapsize(size)
            self.map_bytes = self._raw.info()["map_size"]
        except lmdb.MemoryError:
            self.close()  # LMDB has let go of the old map already
            raise StorageFailed(
                f"{self.directory}: the system gives no {size} bytes of address space; raise the limit (ulimit -v)"
            ) from None

    def _check_readers_after_growth(self) -> None:
        """Free the slots of readers that died: what they pinned makes the file grow."""
        size = os.stat(self._data_file).st_size
        if size - self._size_at_reader_check >= _GROWTH_BETWEEN_READER_CHECKS:
            self._raw.reader_check()
            self._size_at_reader_check = size

    def _open_space(self, space: str, later: bool, *, readonly: bool) -> lmdb._Database | None:
        """The space; None where it is one that may be missing, is, and cannot be made."""
        while True:
            seen = self.map_bytes
            try:
                return self._raw.open_db(space.encode(), create=later and not readonly)
            except (lmdb.MapResizedError, lmdb.MapFullError):
                self._resize(seen)
            except lmdb.NotFoundError:
                if later:
                    return None
                raise Damaged(f"{self._data_file} lacks a space of its format; restore it from a copy") from None


class _Noticing(LmdbTransaction):
    """One that knows whether it wrote: a commit of nothing costs nothing, and needs no receipt."""

    __slots__ = ("wrote",)

    def __init__(self, raw: lmdb.Transaction[bytes], databases: Mapping[str, lmdb._Database | None]) -> None:
        super().__init__(raw, databases)
        self.wrote = False

    def create_many(self, space: str, items: Iterable[Item], *, rising: bool = False) -> int:
        created = super().create_many(space, items, rising=rising)
        self.wrote |= created > 0
        return created

    def put_many(self, space: str, items: Iterable[Item]) -> None:
        listed = list(items)
        self.wrote |= bool(listed)
        super().put_many(space, listed)

    def delete_many(self, space: str, keys: Iterable[bytes]) -> int:
        deleted = super().delete_many(space, keys)
        self.wrote |= deleted > 0
        return deleted


def _abort(raw: lmdb.Transaction[bytes] | None) -> None:
    if raw is not None:
        with contextlib.suppress(lmdb.Error):  # a commit that failed has ended it already
            raw.abort()


def reserve(directory: str, map_size: int, *, readonly: bool) -> lmdb.Environment:
    """The environment, with that much address space or as much of it as the system gives."""
    _allocate_lock_file(directory)
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


def _allocate_lock_file(directory: str) -> None:
    """See that lock.mdb has its blocks: LMDB writes to it as mapped memory, which on a full disk ends the process.

    An OSError says that the disk is full.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        file = os.open(os.path.join(directory, "lock.mdb"), flags, 0o600)
    except OSError:
        return  # LMDB says it better, or does without
    try:
        if os.fstat(file).st_blocks * 512 < _LOCK_FILE_BYTES and hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file, 0, _LOCK_FILE_BYTES)
    finally:
        os.close(file)
