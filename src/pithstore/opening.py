"""The engine of a store by its path: open, or made where there is none."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from pithstore import meta
from pithstore.errors import NoStore, StoreExists, UsageError
from pithstore.keys import LATER_SPACES, SPACES

if TYPE_CHECKING:
    from pithstore.configuration import Configuration
    from pithstore.engine.lmdb import LmdbEngine
    from pithstore.report import Problem


def open_engine(
    path: str | os.PathLike[str], new: Configuration | None, *, readonly: bool = False, patience: float
) -> LmdbEngine:
    """The engine of the store in that directory; where there is none, of a new one with the configuration `new`.

    NoStore where there is none and None is to be made.
    """
    from pithstore.engine.lmdb import LmdbEngine

    if "://" in os.fspath(path):
        raise UsageError(f"there is no engine for {os.fspath(path)!r}; give the path of a directory")
    reopen = partial(LmdbEngine.open, path, SPACES, later=LATER_SPACES, readonly=readonly, patience=patience)
    try:
        return reopen()
    except NoStore:
        if new is None:
            raise
    with suppress(StoreExists):  # somebody was quicker: open theirs
        LmdbEngine.create(path, SPACES, partial(meta.write_first, configuration=new), patience=patience).close()
    return reopen()


def walk_at_rest(path: str) -> tuple[Problem, ...]:
    """What is wrong with the structure of the data of a store that perhaps cannot be opened."""
    from pithstore.engine.lmdb import LmdbEngine
    from pithstore.report import Problem

    return tuple(Problem("structure-damaged", finding.words) for finding in LmdbEngine.walk_at_rest(path))
