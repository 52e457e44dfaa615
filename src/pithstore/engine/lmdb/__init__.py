"""The default engine: LMDB 0.9, one directory, many processes.

Why each step stands as it does is measured in docs/design/003-lmdb.md; the shortcuts lose data.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Self

import lmdb

from pithstore.engine import EngineLimits, T, Update, View
from pithstore.engine import Finding as EngineFinding
from pithstore.engine.generations import (
    FIRST_GENERATION,
    move_current,
    prepare_directory,
    read_current,
    sweep,
    sync_directory,
)
from pithstore.engine.lmdb.environment import Environment, share
from pithstore.engine.lmdb.open_generation import RESERVED, reserve
from pithstore.engine.lmdb.receipt import Receipt, ReceiptState, note_receipt, store_receipt, sync_receipt
from pithstore.engine.lmdb.successor import LmdbSuccessor
from pithstore.engine.lmdb.transaction import MAX_KEY_BYTES, LmdbTransaction
from pithstore.engine.lmdb.translate import lmdb_errors, translated
from pithstore.engine.system_errors import system_errors
from pithstore.engine.write_lock import WriteLock
from pithstore.errors import NoStore, StoreExists, UsageError

if TYPE_CHECKING:
    from pithstore.engine.lmdb.at_rest import Setback
    from pithstore.engine.lmdb.walk import Finding

LIMITS = EngineLimits(key_bytes=MAX_KEY_BYTES, value_bytes=None, transaction_bytes=None)
PATIENCE = 60.0  # seconds that a writer waits for the others


class LmdbEngine:
    """A handle on the LMDB store in a directory; all handles of one process share one environment.

    Not for network file systems, nor for containers that share the directory but not their process ids.
    """

    limits = LIMITS

    def __init__(self, environment: Environment, *, readonly: bool, patience: float) -> None:
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
        root = os.fspath(directory)
        with lmdb_errors(root), system_errors(root):
            prepare_directory(root)
            lock = WriteLock(root)
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
        later: Sequence[str] = (),
        readonly: bool = False,
        patience: float = PATIENCE,
        map_size: int | None = None,
    ) -> Self:
        """The store in that directory; NoStore, Damaged, StoreBusy or StorageFailed where it cannot be opened.

        Those of the spaces that are named in `later` may be missing: they are made when the store is opened for
        writing, and are empty where it is not.

        `patience` is how many seconds an update waits for other writers, `map_size` the address space to start
        with (bytes; it grows by itself).
        """
        root = os.fspath(directory)
        with lmdb_errors(root):
            environment = share(
                root, tuple(spaces), tuple(later), readonly=readonly, patience=patience, map_size=map_size
            )
        return cls(environment, readonly=readonly, patience=patience)

    @staticmethod
    def accept_state(directory: str | os.PathLike[str], *, patience: float = PATIENCE) -> None:
        """Go on with the state that the store in that directory has, whatever its RECEIPT knows of.

        For whoever put an old copy back on purpose.  NoStore, Damaged where the data file itself cannot be opened,
        UsageError where this process has the store open.
        """
        from pithstore.engine.lmdb.at_rest import accept_state

        root = os.fspath(directory)
        with lmdb_errors(root), system_errors(root):
            accept_state(root, patience)

    @staticmethod
    def setback(directory: str | os.PathLike[str], *, patience: float = PATIENCE) -> Setback | None:
        """Why the store in that directory is not what its RECEIPT knows of; None where it is.

        LMDB reads the data file: walk it before.  UsageError where this process has the store open.
        """
        from pithstore.engine.lmdb.at_rest import setback

        root = os.fspath(directory)
        with lmdb_errors(root), system_errors(root):
            return setback(root, patience)

    def view(self, fn: Callable[[View], T]) -> T:
        """What `fn` returns for one consistent state of the store."""
        environment = self._retain()
        try:
            return environment.view(fn, self._patience)
        except lmdb.Error as error:
            raise translated(error, environment.root) from None
        finally:
            environment.release()

    def update(self, fn: Callable[[Update], T]) -> T:
        """What `fn` returned in the run whose writes are now on the medium."""
        with self._retained() as environment, lmdb_errors(environment.root):
            if self._readonly:
                raise UsageError(f"{environment.root} was opened read-only; open it for writing to change it")
            return environment.update(fn, self._patience)

    def successor(self) -> LmdbSuccessor:
        """The generation after the one that counts, begun or gone on with."""
        with self._retained() as environment:
            if self._readonly:
                raise UsageError(f"{environment.root} was opened read-only; open it for writing to change it")
            return LmdbSuccessor(environment, self._patience)

    @staticmethod
    def walk_at_rest(directory: str | os.PathLike[str], *, patience: float = PATIENCE) -> list[Finding]:
        """What is wrong with the structure of the data file of a store that perhaps cannot be opened.

        UsageError where this process has it open.
        """
        from pithstore.engine.lmdb.at_rest import walk_at_rest

        root = os.fspath(directory)
        with lmdb_errors(root), system_errors(root):
            return walk_at_rest(root, patience)

    def walk(self) -> list[Finding]:
        """What is wrong with the structure of the data file; nobody writes meanwhile.

        A handle that only reads holds up nobody: its transaction keeps the pages of the state that is walked.
        """
        with self._retained() as environment, lmdb_errors(environment.root), system_errors(environment.root):
            if self._readonly:
                return environment.walk(self._patience)
            with environment.writing(self._patience):
                return environment.walk(self._patience)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Nobody in this process is inside a transaction of the store meanwhile: a forked child can open it."""
        with self._retained() as environment, environment.gate.exclusive():
            yield

    def receipt_state(self) -> ReceiptState:
        """Whether the store could be told from an older copy of it; Damaged where it is one."""
        with self._retained() as environment, lmdb_errors(environment.root):
            return environment.receipt_state(self._patience)

    def examine(self, *, deep: bool) -> list[EngineFinding]:
        """Whether the store could be told from an older copy of it; with `deep`, what `walk` finds.

        Damaged where it is an older copy.
        """
        found: list[EngineFinding] = []
        if self.receipt_state() is ReceiptState.MISSING:
            what = "RECEIPT is missing or damaged: an older copy in this one's place would look the same"
            found.append(EngineFinding("receipt-missing", what))
        if deep:
            found += [EngineFinding("structure-damaged", finding.words) for finding in self.walk()]
        return found

    def former(self) -> int:
        """How many generations before the one that counts are still there; those that nobody has open go."""
        self.view(lambda _: None)  # follows CURRENT: this process has no former one open
        with (
            self._retained() as environment,
            environment.writing(self._patience),
            system_errors(environment.root),
        ):
            return sweep(environment.root, environment.directory)

    def stored_bytes(self) -> int:
        """How many bytes the files of the store take on the medium."""
        with self._retained() as environment, system_errors(environment.root):
            files = [os.path.join(here, name) for here, _, names in os.walk(environment.root) for name in names]
            return sum(map(_blocks_bytes, files))

    def close(self) -> None:
        """Close the handle; the environment closes with the last handle on it, and the last call inside it."""
        self._environment.gate.refuse_nested()
        if not self._closed:
            self._closed = True
            self._environment.release()

    @contextlib.contextmanager
    def _retained(self) -> Iterator[Environment]:
        environment = self._retain()
        try:
            yield environment
        finally:
            environment.release()

    def _retain(self) -> Environment:
        if self._closed:
            raise UsageError("the store is closed")
        self._environment.retain()
        return self._environment


def _blocks_bytes(path: str) -> int:
    try:
        return os.lstat(path).st_blocks * 512
    except FileNotFoundError:  # a generation that is being swept
        return 0


def _create_generation(root: str, spaces: Sequence[str], first: Callable[[Update], object] | None) -> None:
    with contextlib.suppress(NoStore):
        read_current(root)
        raise StoreExists(f"there is a store at {root} already")
    directory = os.path.join(root, FIRST_GENERATION)
    os.makedirs(directory, mode=0o700, exist_ok=True)
    environment = reserve(directory, RESERVED, readonly=False)
    try:
        with environment.begin(write=True) as raw:
            databases = {space: environment.open_db(space.encode(), txn=raw) for space in spaces}
            if first is not None:
                LmdbTransaction(raw, databases).run(first)
            receipt = store_receipt(raw, Receipt.begun().advanced())
    finally:
        environment.close()
    sync_directory(directory)
    move_current(root, FIRST_GENERATION)
    note_receipt(root, receipt)
    sync_receipt(root)
    sync_directory(root)
