"""A piece of work in a child, which may die of it."""

from __future__ import annotations

import os
import pickle
import signal
import traceback
from collections.abc import Callable
from typing import NoReturn

import attrs


@attrs.frozen
class Ended:
    """How a child ended: what it returned or, in words, what it died of."""

    result: object
    death: str | None


def in_child(work: Callable[[], object]) -> Ended:
    """What the work came to in a forked child; the caller has no store open."""
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        os.close(ours)
        _work(work, theirs)
    os.close(theirs)
    with open(ours, "rb") as pipe:
        said = pipe.read()
    return _ended(os.waitpid(child, 0)[1], said)


def start(work: Callable[[], object]) -> int:
    """The process id of a forked child that works; whoever starts it kills or awaits it."""
    child = os.fork()
    if not child:
        _work(work, os.open(os.devnull, os.O_WRONLY))
    return child


def _work(work: Callable[[], object], pipe: int) -> NoReturn:
    code = 1
    try:
        os.write(pipe, _whole(work))
        code = 0
    finally:
        os._exit(code)  # nothing of the parent's is flushed or closed here


def _whole(work: Callable[[], object]) -> bytes:
    try:
        return pickle.dumps(Ended(work(), None))
    except Exception:  # noqa: BLE001 - the parent is told
        return pickle.dumps(Ended(None, traceback.format_exc(limit=-4)))


def _ended(status: int, said: bytes) -> Ended:
    if os.WIFSIGNALED(status):
        return Ended(None, signal.Signals(os.WTERMSIG(status)).name)
    if not said:
        return Ended(None, f"exit code {os.waitstatus_to_exitcode(status)}")
    ended: Ended = pickle.loads(said)  # noqa: S301 - our own child wrote it
    return ended
