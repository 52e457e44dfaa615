"""One writer at a time, across threads and processes, with a wait that ends.

LMDB has a lock of its own, but waiting for it neither times out nor answers Ctrl-C.  So writers wait here, in
steps, and meet LMDB's lock only when it is free.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from pithstore.engine.generations import WRITE_LOCK
from pithstore.engine.system_errors import system_errors
from pithstore.errors import StoreBusy

_FIRST_STEP, _LONGEST_STEP = 0.0005, 0.005
_HOLDER_BYTES = 200


class WriteLock:
    """The lock file of a store directory; the kernel lets go of it when its process dies.

    Its text says who took it last, so that a writer who gives up can say who was in the way.  Whoever waits holds
    a shared lock on the directory: a writer who sees one waits as well, so nobody is starved by one that never
    pauses.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._threads = threading.Lock()
        self._lock: int | None = None
        self._waiting: int | None = None

    @contextlib.contextmanager
    def held(self, patience: float) -> Iterator[None]:
        """Hold the lock; StoreBusy when others still have it after that many seconds."""
        deadline = time.monotonic() + patience
        if not self._threads.acquire(timeout=patience):
            raise StoreBusy(
                f"{self._root}: store busy, another thread of this process is writing "
                f"(waited {patience:g} s); try again later"
            )
        lock: int | None = None
        try:
            with system_errors(self._root):
                lock, waiting = self._open()
                self._acquire(lock, waiting, deadline, patience)
            yield
        finally:
            if lock is not None:
                fcntl.flock(lock, fcntl.LOCK_UN)  # without harm where it is not held, and never left behind
            self._threads.release()

    def _acquire(self, lock: int, waiting: int, deadline: float, patience: float) -> None:
        nobody_waits = _try_lock(waiting)
        try:
            if not (nobody_waits and _try_lock(lock)):
                fcntl.flock(waiting, fcntl.LOCK_SH)
                self._poll(lock, deadline, patience)
        finally:
            fcntl.flock(waiting, fcntl.LOCK_UN)
        self._sign(lock)

    def _open(self) -> tuple[int, int]:
        if self._lock is None:
            self._lock = os.open(
                os.path.join(self._root, WRITE_LOCK), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600
            )
        if self._waiting is None:
            self._waiting = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        return self._lock, self._waiting

    def _poll(self, lock: int, deadline: float, patience: float) -> None:
        step = _FIRST_STEP
        while True:
            time.sleep(step)
            if _try_lock(lock):
                return
            if time.monotonic() >= deadline:
                raise StoreBusy(self._busy(lock, patience))
            step = min(step * 1.5, _LONGEST_STEP)

    def _sign(self, lock: int) -> None:
        holder = f"process {os.getpid()} since {datetime.now(UTC).isoformat(timespec='seconds')}"
        with contextlib.suppress(OSError):  # a courtesy: the lock holds without it, on a full disk too
            os.pwrite(lock, holder.encode().ljust(_HOLDER_BYTES), 0)

    def _busy(self, lock: int, patience: float) -> str:
        holder = os.pread(lock, _HOLDER_BYTES, 0).decode(errors="replace").strip()
        return (
            f"{self._root}: store busy, {holder or 'another process'} is writing "
            f"(waited {patience:g} s); try again later"
        )

    def close(self) -> None:
        """Close its files; what is locked by this process is then free."""
        for descriptor in (self._lock, self._waiting):
            if descriptor is not None:
                os.close(descriptor)
        self._lock = self._waiting = None


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
