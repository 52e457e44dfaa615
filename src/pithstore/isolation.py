"""Work in a process of its own: what ends that by a signal, as reading a damaged data file can, ends nothing else.

The engine maps its file and trusts it.  A page that lies makes the system end the process that reads it (SIGBUS,
SIGSEGV), or the engine end itself (SIGABRT): no code of the same process has a say in that.  The child opens the
store itself, as no environment outlives a fork, and it ends at once when its parent does, however that is.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from collections.abc import Callable, Iterator
from typing import NoReturn, TypeVar

T = TypeVar("T")
Progress = Callable[[int, int], None]

_FAULTS = (signal.SIGBUS, signal.SIGSEGV, signal.SIGABRT)
_HANDED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def go_on_in_child(hear: Callable[[str], int]) -> None:
    """Return in a child.  This process waits for it, hands on what it is told, and ends as the child ended.

    Where reading ended the child, `hear` is told the name of the signal, and says with which code to end.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # where that is ignored, which is inherited, nobody can wait
    with _blocked(*_HANDED_ON, signal.SIGCHLD):
        child, _ = _fork()
        if child:
            _end_as(_wait_and_hand_on(child), hear)


def run_in_child(
    work: Callable[[Progress], T],
    progress: Progress,
    gone: Callable[[str], Exception],
    paused: contextlib.AbstractContextManager[None],
) -> T:
    """What `work` returns or raises in a child; what it tells there is told to `progress` here.

    Where reading ended the child, the error is what `gone` makes of the name of the signal.  ChildProcessError
    where something else did.  It is forked while this process is `paused`.
    """
    with contextlib.ExitStack() as left:
        reading, writing = os.pipe()
        with paused, _blocked(*_HANDED_ON):
            child, held = _fork()
            if not child:
                _work(work, writing)  # with these signals blocked: whoever started us ends us
            os.close(writing)
            said = left.enter_context(os.fdopen(reading, "rb"))
            left.callback(os.close, held)
            ended = left.enter_context(_ended(child))
        from pickle import UnpicklingError, load

        # Our own child wrote it, a copy of us: whoever can make that say what it should not needs no pickle.
        with contextlib.suppress(EOFError, UnpicklingError):
            while True:
                kind, value = load(said)  # noqa: S301
                if kind == _TOLD:
                    progress(*value)
                elif kind == _RAISED:
                    raise value
                else:
                    found: T = value
                    return found
    code = ended[0]
    if -code in _FAULTS:
        raise gone(signal.Signals(-code).name)
    raise ChildProcessError(f"the process that read it was ended by signal {-code}")


_TOLD, _RAISED, _RETURNED = range(3)


def _work(work: Callable[[Progress], T], writing: int) -> NoReturn:
    from pickle import dump

    try:
        with os.fdopen(writing, "wb") as out:

            def say(kind: int, value: object) -> None:
                dump((kind, value), out)
                out.flush()

            try:
                say(_RETURNED, work(lambda done, of: say(_TOLD, (done, of))))
            except Exception as error:  # noqa: BLE001 - raised where it was asked for
                say(_RAISED, error)
    finally:
        os._exit(0)  # what the parent has not written yet is its own to write


@contextlib.contextmanager
def _ended(child: int) -> Iterator[list[int]]:
    """The exit code of the child, when the block is left: it is ended then, if it has not ended itself."""
    codes: list[int] = []
    try:
        yield codes
    finally:
        os.kill(child, signal.SIGKILL)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


@contextlib.contextmanager
def _blocked(*signals: signal.Signals) -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _fork() -> tuple[int, int]:
    """The child, and a descriptor that it dies with; in the child 0."""
    watched, held = os.pipe()
    child = os.fork()
    if child:
        os.close(watched)
        return child, held
    os.close(held)
    _die_with_other_end(watched)
    return 0, watched


def _die_with_other_end(watched: int) -> None:
    """Have the kernel end this process when nobody has the other end of the pipe open any more.

    No thread that waits for it, as that would cost each start, and would not come up while the engine works.
    """
    fcntl.fcntl(watched, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(watched, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(watched, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        os.read(watched, 1)  # the end, and no signal, if it was closed before
        os.kill(os.getpid(), signal.SIGKILL)


def _wait_and_hand_on(child: int) -> int:
    """The exit code of the child.  What another process told this one is told to the child.

    What the terminal says, it says to both: Ctrl-C is for the child.
    """
    while True:
        told = signal.sigwaitinfo((*_HANDED_ON, signal.SIGCHLD))
        if told.si_signo == signal.SIGCHLD:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
        elif told.si_code <= 0:  # sigaction(2): above it, the kernel sent it
            os.kill(child, told.si_signo)


def _end_as(code: int, hear: Callable[[str], int]) -> NoReturn:
    if -code in _FAULTS:
        os._exit(hear(signal.Signals(-code).name))
    if code < 0:
        with contextlib.suppress(OSError):  # SIGKILL has no handler
            signal.signal(-code, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (-code,))
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)
