"""A store that is read in a child process: where its data end that process, this is an error and no more."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from functools import partial

from pithstore import meta
from pithstore.engine import Engine, T
from pithstore.errors import Damaged, NoStore, StorageFailed
from pithstore.isolation import Progress, run_in_child
from pithstore.opening import open_engine
from pithstore.report import VerifyReport
from pithstore.verify import verify

Paused = Callable[[], AbstractContextManager[None]]
"""A context in which nobody of this process is inside a transaction, so that it can be forked."""


def try_opening(path: str, patience: float) -> None:
    """Return where it can be opened, or there is none; else Damaged, FormatUnknown, StoreBusy or StorageFailed."""
    with suppress(NoStore):
        _apart(path, patience, _nothing, _say_nothing, nullcontext)


def verify_apart(path: str, patience: float, paused: Paused, progress: Progress | None) -> VerifyReport:
    """What `verify` shows; Damaged where reading ends the process that does it.

    The process is forked while it is `paused`.
    """
    return _apart(path, patience, _verify, progress or _say_nothing, paused)


def _apart(
    path: str,
    patience: float,
    work: Callable[[Engine, Progress], T],
    progress: Progress,
    paused: Paused,
) -> T:
    try:
        return run_in_child(partial(_opened, path, patience, work), progress, partial(_damaged, path), paused())
    except ChildProcessError as error:
        raise StorageFailed(f"{path}: {error}; try again, with more memory if that ran out") from None


def _opened(path: str, patience: float, work: Callable[[Engine, Progress], T], progress: Progress) -> T:
    with closing(open_engine(path, None, readonly=True, patience=patience)) as engine:
        engine.view(meta.check_format)
        return work(engine, progress)


def _verify(engine: Engine, progress: Progress) -> VerifyReport:
    return verify(engine, engine.view(meta.read_configuration), progress)


def _nothing(_: Engine, __: Progress) -> None: ...


def _say_nothing(_: int, __: int) -> None: ...


def _damaged(path: str, by: str) -> Damaged:
    return Damaged(
        f"the data of {path} are damaged: reading them ended the process ({by}); "
        "run 'pithstore verify --deep' to see what is wrong, or 'pithstore salvage' to get out what is intact"
    )
