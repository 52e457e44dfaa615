"""Puts, forgets, collections and compactions in any order, compared step by step with plain lists."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path
from unittest.mock import patch as patched

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from pithstore.digest import Digest
from pithstore.errors import NotFound
from pithstore.loosening import loosen
from pithstore.model import Source
from pithstore.store import Store
from pithstore.testing.machine import Rerunning
from pithstore.testing.machine_store import Clock, Record
from tests.store.compacting import FIRST, make_steps_small
from tests.store.forgetful import RECORDS, STEP, TIMES, Forgetful
from tests.store.plain import Plain
from tests.store.shelves import ENGINES, EngineName, new_engine

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
QUICK = (Phase.explicit, Phase.generate)  # making a history small takes minutes: ask for the long profile
_COUNTS = st.integers(1, 3)


class Forgetting(RuleBasedStateMachine):
    """Every answer is that of a store in which what was forgotten had never been."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self._model = Forgetful()
        self._blobs: set[bytes] = set()
        """What was put and not collected since: forgetting leaves it where it is."""
        self._clock = Clock(FIRST)
        self._patched = patched("pithstore.store.datetime", self._clock)
        self._patched.start()

    @rule(records=st.lists(st.tuples(RECORDS, st.none() | TIMES), min_size=1, max_size=6))
    def put(self, records: list[tuple[Record, datetime | None]]) -> None:
        self._clock.moment += STEP
        results = self._store.put_batch([self._store.arrival(record, at) for record, at in records])
        for (record, at), result in zip(records, results, strict=True):
            said, new = self._model.put(record, at, self._clock.moment)
            assert result.stored == new
            assert result.version.number in [kept.number for kept in said]
        self._blobs |= set(self._model.sections())

    @rule(records=st.lists(RECORDS, min_size=1, max_size=3))
    def put_texts(self, records: list[Record]) -> None:
        """Twice: the second time they may be told by their hashes."""
        for _ in range(2):
            self._clock.moment += STEP
            summary = self._store.put_many(map(json.dumps, records))
            new = [self._model.put(record, None, self._clock.moment)[1] for record in records]
            assert summary.versions == sum(new)
            assert summary.sections == sum(map(len, records))
        self._blobs |= set(self._model.sections())

    @precondition(lambda self: self._model.known())
    @rule(data=st.data())
    def forget_some(self, data: st.DataObject) -> None:
        known = [(source, kept) for source, history in self._model.known().items() for kept in history]
        chosen = data.draw(st.lists(st.sampled_from(known), min_size=1, max_size=4))
        refs = [f"{source}@{kept.number}" for source, kept in chosen]
        expected = {(source, kept.number) for source, kept in chosen}
        assert self._store.forget(*refs, dry_run=True).versions == len(expected)
        found = self._store.forget(*refs)
        assert (found.sources, found.versions) == (len({source for source, _ in expected}), len(expected))
        for source, number in expected:
            self._model.forget(source, [number])

    @precondition(lambda self: self._model.known())
    @rule(count=_COUNTS)
    def keep_last(self, count: int) -> None:
        self._forget_all(lambda source: self._model.keep_last(source, count), keep_last=count)

    @precondition(lambda self: self._model.known())
    @rule(moment=TIMES, data=st.data())
    def forget_before(self, moment: datetime, data: st.DataObject) -> None:
        sources = data.draw(st.lists(st.sampled_from(list(self._model.known())), max_size=2))
        self._forget_all(lambda source: self._model.before(source, moment), sources, before=moment)

    def _forget_all(
        self,
        drops: Callable[[Source], list[int]],
        sources: Collection[Source] = (),
        keep_last: int | None = None,
        before: datetime | None = None,
    ) -> None:
        told: set[tuple[Source, int]] = set()
        found = self._store.forget(
            keep_last=keep_last,
            before=before,
            sources=sources,
            told=lambda versions: told.update((version.source, version.number) for version in versions),
        )
        expected = {source: drops(source) for source in sources or self._model.known()}
        assert told == {(source, number) for source, numbers in expected.items() for number in numbers}
        assert (found.sources, found.versions) == (len({source for source, _ in told}), len(told))
        for source, numbers in expected.items():
            self._model.forget(source, numbers)

    @rule()
    def gc(self) -> None:
        gone = self._blobs - set(self._model.sections())
        for apply in (False, True):
            found = self._store.gc(apply=apply)
            assert (found.blobs, found.blob_bytes) == (len(gone), sum(map(len, gone)))
        self._blobs -= gone
        for body in gone:
            with pytest.raises(NotFound):
                self._store.blob(Digest.of(body))
        found = self._store.gc()
        assert (found.blobs, found.values) == (0, 0)

    @rule()
    def compact(self) -> None:
        self._store.compact()
        self._blobs = set(self._model.sections())

    @precondition(lambda self: self._model.known())
    @rule(data=st.data())
    def loosen(self, data: st.DataObject) -> None:
        source = data.draw(st.sampled_from(list(self._model.known())))
        loosen(self._store._engine, source, data.draw(st.integers(1, 9)))

    @invariant()
    def it_verifies(self) -> None:
        assert [problem.message for problem in self._store.verify().problems] == []

    @invariant()
    def every_version_that_is_left_is_what_it_was(self) -> None:
        known = self._model.known()
        assert list(self._store.sources()) == list(known)
        assert [(version.source, version.number) for version in self._store.latest()] == [
            (source, history[-1].number) for source, history in known.items()
        ]
        for source, history in known.items():
            assert [_said(version) for version in self._store.history(source)] == [_said(kept) for kept in history]
            for kept in history:
                assert self._store.get_bytes(f"{source}@{kept.number}") == kept.text

    @invariant()
    def what_was_forgotten_is_not_there(self) -> None:
        for source, (last, _) in self._model.last.items():
            left = {kept.number for kept in self._model.histories[source]}
            for number in set(range(1, last + 1)) - left:
                with pytest.raises(NotFound, match="forgotten"):
                    self._store.get(f"{source}@{number}")

    @invariant()
    def what_is_counted_is_what_is_there(self) -> None:
        stat, known = self._store.stat(), self._model.known()
        kept = [kept for history in known.values() for kept in history]
        assert (stat.sources, stat.versions) == (len(known), len(kept))
        assert stat.snapshots == len({version.text for version in kept})
        assert (stat.sections, stat.canonical_bytes) == (
            sum(len(version.record) for version in kept),
            sum(len(version.text) for version in kept),
        )
        assert (stat.blobs, stat.unique_bytes) == (len(self._blobs), sum(map(len, self._blobs)))
        for body in set(self._model.sections()):
            assert self._store.blob(Digest.of(body)) == body

    @invariant()
    def the_ledger_says_what_is_declared(self) -> None:
        plain = Plain(self._model.known())
        found = [
            (finding.version.source, finding.version.number, finding.outcome.section, finding.outcome.verdict,
             finding.outcome.drift)
            for finding in self._store.declared_findings()
        ]  # fmt: skip
        assert found == plain.declared_findings()

    def teardown(self) -> None:
        self._patched.stop()
        self._store.close()


def _said(version: object) -> tuple[object, ...]:
    names = ("number", "builder_version", "observed_at", "recorded_at")
    snapshot = str(getattr(version, "snapshot"))  # noqa: B009 - of a version, or of one of the model
    return (*(getattr(version, name) for name in names), snapshot)


@pytest.mark.parametrize("rerun", [False, True])
@pytest.mark.parametrize("engine_name", ENGINES)
def test_forgetting_in_any_order(engine_name: EngineName, rerun: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    make_steps_small(monkeypatch)
    with tempfile.TemporaryDirectory() as room:

        def machine() -> Forgetting:
            engine = new_engine(engine_name, Path(tempfile.mkdtemp(dir=room)) / "store")
            return Forgetting(Store(Rerunning(engine) if rerun else engine))

        run_state_machine_as_test(
            machine,  # type: ignore[arg-type]  # it says a class and means whatever makes a machine
            settings=settings(
                max_examples=1000 if LONG else 15,
                phases=tuple(Phase) if LONG else QUICK,
                stateful_step_count=40 if LONG else 15,
                deadline=None,
                database=None,
                suppress_health_check=[
                    HealthCheck.too_slow,
                    HealthCheck.filter_too_much,
                    HealthCheck.data_too_large,
                ],
            ),
        )
