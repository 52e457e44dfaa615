"""The worker processes of one put, as the process that writes sees them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from functools import partial
from itertools import cycle
from typing import Self
from zlib import crc32

from pithstore.configuration import Configuration
from pithstore.errors import StorageFailed, UsageError
from pithstore.fast_path import guess_source
from pithstore.section_memo import MEMO_BYTES
from pithstore.texts import AnyText
from pithstore.workers.messages import Hearing, Task, read_failure, write_task, write_texts
from pithstore.workers.slot import Slot
from pithstore.workers.worker import FAILED, IN_SLOT

AHEAD = 3
"""How many batches may have begun and not ended."""

_PROGRAM = "import sys; sys.path[:] = sys.argv[2:]; from pithstore.workers.worker import main; main()"
_LINE_CHARACTERS = 300
_UNEVEN = 1.25
"""How much more than its share one worker may get, so that the versions of a source come to the same."""


class Workers:
    """Processes that prepare the texts of up to `AHEAD` batches at once; a context manager that ends them.

    They are interpreters of their own that run nothing of the caller's program, in process groups of their own, so
    that a Ctrl-C of the terminal is for us alone.  They end when we do, however that is.
    """

    def __init__(self, count: int, configuration: Configuration) -> None:
        """Start them; StorageFailed where the system refuses."""
        self._source_id = configuration.profile.source_id
        with ExitStack() as started:
            task = Task(configuration, MEMO_BYTES // count)
            self._workers = [started.enter_context(closing(_Worker(task))) for _ in range(count)]
            self._started = started.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End them at once: they hold nothing that could be lost."""
        self._started.close()

    def begin(self, texts: Sequence[bytes]) -> Callable[[], list[AnyText]]:
        """Have the texts prepared.  The call that is returned, in the order of the begins, gives what they say.

        An error of a worker is raised there, or StorageFailed where one has ended.
        """
        shares = [share for share in zip(self._workers, self._share_out(texts), strict=True) if share[1]]
        for worker, share in shares:
            worker.send([texts[i] for i in share])
        return partial(_gather, shares)

    def _share_out(self, texts: Sequence[bytes]) -> list[list[int]]:
        """Which texts each worker gets: about evenly, and the texts about a source always the same worker.

        Its memo then knows the sections of the version before.  The source is guessed, as nothing depends on it.
        """
        shares: list[list[int]] = [[] for _ in self._workers]
        loads = [0] * len(shares)
        most = _UNEVEN * sum(map(len, texts)) / len(shares)
        for i, text in enumerate(texts):
            who = crc32(guess_source(text, self._source_id)) % len(shares)
            if loads[who] + len(text) > most:
                who = loads.index(min(loads))
            shares[who].append(i)
            loads[who] += len(text)
        return shares


def _gather(shares: Sequence[tuple[_Worker, list[int]]]) -> list[AnyText]:
    found: dict[int, AnyText] = {}
    for worker, share in shares:
        found.update(zip(share, worker.receive(), strict=True))
    return [found[i] for i in range(len(found))]


class _Worker:
    """One process, and the slots that its messages go through: one for its task, the others in turn for texts."""

    def __init__(self, task: Task) -> None:
        with ExitStack() as held:
            self._slots = [held.enter_context(closing(Slot.new())) for _ in range(1 + AHEAD)]
            self._slots[0].write(write_task(task))
            self._said = held.enter_context(closing(Slot.new()))
            self._process = _start(self._slots, self._said)
            held.callback(self._end)
            self._in, self._out = (pipe for pipe in (self._process.stdin, self._process.stdout) if pipe)
            self._hearing = Hearing()
            self._turns = cycle(range(1, 1 + AHEAD))
            self._held = held.pop_all()

    def close(self) -> None:
        """End the process and let go of all that was for it."""
        self._held.close()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._in, self._out):
            pipe.close()

    def send(self, texts: Sequence[bytes]) -> None:
        """Have the texts prepared."""
        number = next(self._turns)
        try:
            self._in.write(IN_SLOT.pack(number, self._slots[number].write(write_texts(texts))))
        except BrokenPipeError:
            raise self._gone() from None

    def receive(self) -> list[AnyText]:
        """What the texts say that were sent first, of those that were not received yet."""
        told = self._out.read(IN_SLOT.size)
        if not told:
            raise self._gone()
        number, size = IN_SLOT.unpack(told)
        if number & FAILED:
            raise self._slots[number & ~FAILED].read(size, read_failure)
        found: list[AnyText] = self._slots[number].read(size, self._hearing.read)
        return found

    def _gone(self) -> StorageFailed:
        """Why the process has ended."""
        status = self._process.wait()
        last = self._said.read_all().decode(errors="replace").strip().rpartition("\n")[2][:_LINE_CHARACTERS]
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        return StorageFailed(
            f"a worker process has ended ({how}{': ' if last else ''}{last}); what was put before is stored: "
            "put the rest again, with fewer workers if memory ran out"
        )


def _start(slots: Sequence[Slot], said: Slot) -> subprocess.Popen[bytes]:
    if not sys.executable or getattr(sys, "frozen", False):  # then it is the program, which would put again
        raise UsageError("workers need a Python that can be started, and sys.executable names none; put without")
    numbers = ",".join(str(slot.descriptor) for slot in slots)
    try:
        return subprocess.Popen(  # noqa: S603 - this Python, and a program that is ours
            [sys.executable, "-c", _PROGRAM, numbers, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said.descriptor,
            pass_fds=[slot.descriptor for slot in slots],
            process_group=0,
            bufsize=0,
        )
    except OSError as error:
        raise StorageFailed(
            f"no worker process can be started: {error.strerror}; put with fewer workers"
        ) from None
