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
from pathlib import Path

from pithstore.errors import StoreBusy

_FIRST_STEP, _LONGEST_STEP = 0.0005, 0.02
_HOLDER_BYTES = 200


class WriteLock:
    """The lock file of a store directory; the kernel lets go of it when its process dies.

    Its text says who took it last, so that a writer who gives up can say who was in the way.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = threading.Lock()
        self._descriptor: int | None = None

    @contextlib.contextmanager
    def held(self, patience: float) -> Iterator[None]:
        """Hold the lock; StoreBusy when others still have it after that many seconds."""
        deadline = time.monotonic() + patience
        if not self._threads.acquire(timeout=patience):
            raise StoreBusy(
                f"{self._path.parent}: store busy, another thread of this process is writing "
                f"(waited {patience:g} s); try again later"
            )
        try:
            descriptor = self._open()
            self._wait(descriptor, deadline, patience)
            try:
                yield
            finally:
                fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            self._threads.release()

    def _open(self) -> int:
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        return self._descriptor

    def _wait(self, descriptor: int, deadline: float, patience: float) -> None:
        step = _FIRST_STEP
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise StoreBusy(self._busy(descriptor, patience)) from None
                time.sleep(step)
                step = min(step * 1.5, _LONGEST_STEP)
            else:
                self._sign(descriptor)
                return

    def _sign(self, descriptor: int) -> None:
        holder = f"process {os.getpid()} since {datetime.now(UTC).isoformat(timespec='seconds')}"
        with contextlib.suppress(OSError):  # a courtesy: the lock holds without it, on a full disk too
            os.pwrite(descriptor, holder.encode().ljust(_HOLDER_BYTES), 0)

    def _busy(self, descriptor: int, patience: float) -> str:
        holder = os.pread(descriptor, _HOLDER_BYTES, 0).decode(errors="replace").strip()
        return (
            f"{self._path.parent}: store busy, {holder or 'another process'} is writing "
            f"(waited {patience:g} s); try again later"
        )

    def close(self) -> None:
        """Close the lock file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
