"""A store that is older than its receipt knows: gone on with as it is, and then brought to what a copy has."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import attrs

from pithstore.copying.copy import copy
from pithstore.copying.cut import cut_now
from pithstore.engine import Engine
from pithstore.errors import Damaged
from pithstore.opening import open_engine, walk_at_rest
from pithstore.report import RepairReport

if TYPE_CHECKING:
    from pithstore.engine.lmdb import LmdbEngine
    from pithstore.engine.lmdb.at_rest import Setback


def open_anyway(path: str | os.PathLike[str], patience: float) -> tuple[LmdbEngine, Setback | None]:
    """The engine of the store, and what its receipt held against it: the state that is there counts from here on.

    Damaged where the store does not open for another reason, or the structure of its data is damaged.
    """
    try:
        return open_engine(path, None, patience=patience), None
    except Damaged:
        setback = _accepted(os.fspath(path), patience)
        if setback is None:
            raise
    return open_engine(path, None, patience=patience), setback


def _accepted(path: str, patience: float) -> Setback | None:
    from pithstore.engine.lmdb import LmdbEngine

    if wrong := walk_at_rest(path):
        raise Damaged(f"the store at {path} cannot be repaired where it is ({wrong[0].message}): see 'salvage'")
    setback = LmdbEngine.setback(path, patience=patience)
    if setback is not None:
        LmdbEngine.accept_state(path, patience=patience)
    return setback


def bring_newer(engine: Engine, other: Engine, report: RepairReport) -> RepairReport:
    """The report, with the versions that the other store has behind the last ones of this, which come here.

    Nothing comes into a store that is still broken.
    """
    if not report.ok:
        return report
    copied = copy(other, engine, other.view(cut_now))
    verified = attrs.evolve(report.verified, problems=copied.problems)
    return attrs.evolve(report, brought=copied.versions, verified=verified)
