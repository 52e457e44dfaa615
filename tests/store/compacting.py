"""What the tests of compaction share: a store of many things, all that it says, and ways to be interrupted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import reduce
from hashlib import sha256
from typing import TypeAlias

import attrs
import pytest

from pithstore import sorted_rows, survey
from pithstore.compaction import check, compact, dictionary, pack, sources
from pithstore.counts import Totals
from pithstore.digest import Digest
from pithstore.engine import Engine, Successor, T, Update, View
from pithstore.packs import packing
from pithstore.packs.packing import COPY_BYTES
from pithstore.pointer import Json
from pithstore.store import Store
from pithstore.totals import read_slots
from tests.store.shelves import Record, record

FIRST = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SHARED = "a long section that several sources have " * 40
HUGE = "a section that no frame holds beside another " * 2000
COPIED = "x" * (COPY_BYTES - 2)  # the longest, with its quotes, that is in every frame that needs it
RIGHT = sha256(b'{"payload":[]}').hexdigest()

Put: TypeAlias = tuple[Record, datetime | None]


def declaring(claims: list[Json], right: bool = True) -> Json:
    """A section that declares a digest of itself."""
    return {"items": claims, "snapshot_sha256": RIGHT if right else "0" * 64}


BEFORE: list[Put] = [
    *((record("1", x=n, same="s" * 300, big=[SHARED, n // 3]), None) for n in range(7)),
    (record("1", x=2, same="s" * 300, big=[SHARED, 0]), None),  # a state that was there before
    (record("1", builder="b2", x=2, big=[SHARED, 0]), None),
    *((record("2", x=n, big=[SHARED, 0], claims=declaring([n])), FIRST + n * HOUR) for n in range(3)),
    (record("2", builder="b2", x="early", claims=declaring([], False)), FIRST - HOUR),
    (record("3" * 300, kind="kind\0\n", huge=HUGE, x=1), None),
    (record("4", version={"version": 1.0}, huge=HUGE) | {"name\n\0é": [], "": 0}, None),
    (record("4", version={"version": "v2"}, huge=HUGE + "!", x=COPIED, y=COPIED + "y"), None),
    *((record(f"n{n}", x=n, big=[SHARED, n % 3]), None) for n in range(6)),
]
AFTER: list[Put] = [
    (record("1", x=0, same="s" * 300, big=[SHARED, 0]), None),  # a packed state comes again
    (record("1", x=99, same="s" * 300, big=[SHARED, 2]), None),
    (record("1", builder="b3", x=99), None),
    (record("2", x="back-filled", claims=declaring([7])), FIRST + HOUR / 2),
    (record("0 first of all", x=1, huge=HUGE, big=[SHARED, 1]), None),
    (record("n3", x=33, big=[SHARED, 33]), None),
    (record("new", x=1, big=[SHARED, 33]), None),
]
LATER: list[Put] = [
    (record("1", x="later", big=[SHARED, 33]), None),
    (record("5 new while others were packed", x="later", huge=HUGE + "!", claims=declaring([])), None),
    (record("2", x=1, big=[SHARED, 0], claims=declaring([1])), None),
]


def put_all(store: Store, puts: list[Put]) -> None:
    """Put the records one by one."""
    for one, observed_at in puts:
        store.put(one, observed_at=observed_at)


def told(store: Store) -> object:
    """All that a store says of what is in it, every record read; and it verifies."""
    assert [problem.message for problem in store.verify().problems] == []
    histories = {source: list(store.history(source)) for source in store.sources()}
    records = {
        (source, version.number): store.get_bytes(f"{source}@{version.number}")
        for source, history in histories.items()
        for version in history
    }
    for source, history in histories.items():
        for version in history:
            assert Digest.of(records[source, version.number]) == version.snapshot
    totals = reduce(Totals.plus, store._engine.view(read_slots))
    logs = {source: [(entry.version, entry.changed) for entry in store.log(source)] for source in histories}
    stat = attrs.evolve(store.stat(), stored_bytes=0)
    return histories, records, totals, logs, stat, store.declared()


def make_steps_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few versions take many transactions and frames."""
    monkeypatch.setattr(survey, "_PAGE", 7)
    monkeypatch.setattr(survey, "_PAGE_BYTES", 1)
    monkeypatch.setattr(pack, "_PACKED_AT_ONCE", 1500)
    monkeypatch.setattr(pack, "_WRITTEN_AT_ONCE", 1500)
    monkeypatch.setattr(check, "_BYTES_AT_ONCE", 1)
    monkeypatch.setattr(sorted_rows, "_ROWS_AT_ONCE", 5)
    monkeypatch.setattr(check, "_BLOCKS_AT_ONCE", 1)
    monkeypatch.setattr(compact, "_SOURCES_AT_ONCE", 1)
    monkeypatch.setattr(compact, "_FEW_SOURCES", 1)
    monkeypatch.setattr(dictionary, "_LEAST", 256)
    for module in (packing, sources):
        monkeypatch.setattr(module, "FRAME_BYTES", 3000)
        monkeypatch.setattr(module, "RUN_VERSIONS", 4)


class Stopped(Exception):
    """The process ends here."""


class Stepping:
    """An engine, and its successors, that tells how many transactions began before the one that begins now.

    What is told is outside of all transactions, so it may use the engine itself.
    """

    def __init__(self, engine: Engine, tell: Callable[[int], None]) -> None:
        self._engine = engine
        self._tell = tell
        self.steps = 0
        self._inside = False
        self.limits, self.stored_bytes, self.close = engine.limits, engine.stored_bytes, engine.close
        self.examine, self.former = engine.examine, engine.former

    def view(self, fn: Callable[[View], T]) -> T:
        return self.step(lambda: self._engine.view(fn))

    def update(self, fn: Callable[[Update], T]) -> T:
        return self.step(lambda: self._engine.update(fn))

    def successor(self) -> Successor:
        return _SteppingSuccessor(self, self._engine.successor())

    def step(self, call: Callable[[], T]) -> T:
        """What the call gives."""
        if self._inside:
            return call()
        self._tell(self.steps)
        self.steps += 1
        self._inside = True
        try:
            return call()
        finally:
            self._inside = False


class _SteppingSuccessor:
    def __init__(self, stepping: Stepping, successor: Successor) -> None:
        self._stepping = stepping
        self._successor = successor
        self.fresh, self.close, self.discard = successor.fresh, successor.close, successor.discard

    def view(self, fn: Callable[[View], T]) -> T:
        return self._stepping.step(lambda: self._successor.view(fn))

    def update(self, fn: Callable[[Update], T]) -> T:
        return self._stepping.step(lambda: self._successor.update(fn))

    def take_over(self, fn: Callable[[View, Update], T]) -> T:
        return self._stepping.step(lambda: self._successor.take_over(fn))


def stopping(engine: Engine, steps: int) -> Stepping:
    """The engine, of which nothing answers any more after so many transactions."""

    def tell(step: int) -> None:
        if step >= steps:
            raise Stopped

    return Stepping(engine, tell)
