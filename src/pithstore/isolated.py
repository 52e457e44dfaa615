"""A store that is read in a child process: where its data end that process, this is an error and no more."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from functools import partial

import attrs

from pithstore import meta
from pithstore.engine import Engine, T
from pithstore.errors import Damaged, NoStore, StorageFailed
from pithstore.isolation import Progress, run_in_child
from pithstore.opening import open_engine
from pithstore.repairing.from_path import repair_from
from pithstore.report import How, RepairReport, VerifyReport
from pithstore.verify import verify

Paused = Callable[[], AbstractContextManager[None]]
"""A context in which nobody of this process is inside a transaction, so that it can be forked."""


def try_opening(path: str, patience: float) -> None:
    """Return where it can be opened, or there is none; else Damaged, FormatUnknown, StoreBusy or StorageFailed."""
    with suppress(NoStore):
        _apart(path, patience, _nothing, _say_nothing, nullcontext)


@attrs.frozen
class Apart:
    """What is done with the store at `path` in a child; Damaged where reading ends that.

    This process is forked while it is `paused`.
    """

    path: str
    patience: float
    paused: Paused

    def verify(self, progress: Progress, how: How) -> VerifyReport:
        """What `verify` shows."""
        return _apart(self.path, self.patience, partial(_verify, how=how), progress, self.paused)

    def repair(self, source: str | os.PathLike[str] | None, progress: Progress) -> RepairReport:
        """What `repair` comes to."""
        work = partial(_repair, path=self.path, source=source)
        return _apart(self.path, self.patience, work, progress, self.paused, readonly=False)


def _apart(
    path: str,
    patience: float,
    work: Callable[[Engine, Progress], T],
    progress: Progress,
    paused: Paused,
    *,
    readonly: bool = True,
) -> T:
    opened = partial(_opened, path, patience, work, readonly=readonly)
    try:
        return run_in_child(opened, progress, partial(_damaged, path), paused())
    except ChildProcessError as error:
        raise StorageFailed(f"{path}: {error}; try again, with more memory if that ran out") from None


def _opened(
    path: str, patience: float, work: Callable[[Engine, Progress], T], progress: Progress, *, readonly: bool
) -> T:
    with closing(open_engine(path, None, readonly=readonly, patience=patience)) as engine:
        engine.view(meta.check_format)
        return work(engine, progress)


def _verify(engine: Engine, progress: Progress, how: How) -> VerifyReport:
    return verify(engine, engine.view(meta.read_configuration), progress, how)


def _repair(engine: Engine, progress: Progress, path: str, source: str | os.PathLike[str] | None) -> RepairReport:
    return repair_from(engine, path, source, progress)


def _nothing(_: Engine, __: Progress) -> None: ...


def _say_nothing(_: int, __: int) -> None: ...


def _damaged(path: str, by: str) -> Damaged:
    return Damaged(
        f"the data of {path} are damaged: reading them ended the process ({by}); "
        "run 'pithstore verify --deep' to see what is wrong, or 'pithstore salvage' to get out what is intact"
    )
