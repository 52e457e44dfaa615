"""Out, and back in: what an archive restores is what was exported, whatever the history and whatever happens."""

from __future__ import annotations

import io
import itertools
import json
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import patch as patched

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pithstore.engine import Engine
from pithstore.errors import (
    Damaged,
    NotFound,
    PithstoreError,
)
from pithstore.export.archive_file import ArchiveFile
from pithstore.export.filter import ExportFilter
from pithstore.horizon import Horizon
from pithstore.keys import SOURCES, TAIL
from pithstore.model import Source
from pithstore.results import PutSummary
from pithstore.store import Store
from pithstore.survey import histories
from pithstore.testing.machine import Rerunning
from pithstore.testing.machine_store import BUILDERS, TIMES, Record
from pithstore.testing.machine_store import SOURCES as MANY_SOURCES
from tests.store.exports import FIRST, STEPS, apply, archive_at, counts, exported, logged, restored
from tests.store.shelves import EngineName, delete_entry, new_engine, put_entry, record

EXAMPLES = {"memory": 25, "lmdb": 10}


@pytest.mark.parametrize("rerun", [False, True])
def test_any_history_comes_back_and_goes_on_as_it_would_have(
    engine_name: EngineName, rerun: bool, tmp_path: Path
) -> None:
    serial = itertools.count()

    @settings(max_examples=EXAMPLES[engine_name])
    @given(STEPS, STEPS)
    def law(
        before: list[tuple[int, list[tuple[Record, datetime | None]]]],
        after: list[tuple[int, list[tuple[Record, datetime | None]]]],
    ) -> None:
        room = tmp_path / str(next(serial))
        room.mkdir()
        ours, theirs = new_engine(engine_name, room / "ours"), new_engine(engine_name, room / "theirs")
        with Store(ours) as store:
            apply(store, before)
            text, trailer = exported(ours)
            target = Rerunning(theirs) if rerun else theirs
            assert restored(target, archive_at(room / "a.jsonl", text)).records == trailer.versions
            with Store(theirs) as copy:
                assert logged(copy) == logged(store)
                assert counts(copy) == counts(store)
                assert copy.verify().problems == ()
                assert exported(theirs) == (text, trailer)
                assert repr(apply(copy, after)) == repr(apply(store, after))
                assert exported(theirs) == exported(ours)
                assert copy.verify().problems == ()

    law()


@given(
    STEPS,
    st.builds(
        ExportFilter,
        st.builds(Horizon, st.none() | TIMES, st.none() | TIMES),
        st.lists(st.sampled_from(MANY_SOURCES), max_size=3).map(tuple),
        st.none() | st.sampled_from(BUILDERS),
    ),
)
@settings(max_examples=EXAMPLES["memory"])
def test_a_part_comes_back_with_its_numbers(
    steps: list[tuple[int, list[tuple[Record, datetime | None]]]], only: ExportFilter
) -> None:
    engine = new_engine("memory", Path())
    with Store(engine) as store:
        apply(store, steps)
        seen = {history.source for history in histories(engine, only.horizon)}
        if not set(only.sources) <= seen:
            with pytest.raises(NotFound):
                exported(engine, only)
        only = attrs.evolve(only, sources=tuple(source for source in only.sources if source in seen))
        wanted = [
            version
            for source in store.sources()
            for version in store.history(source)
            if only.horizon.holds(version)
            and (not only.sources or source in only.sources)
            and only.builder_version in (None, version.builder_version)
        ]
        text, trailer = exported(engine, only)
        assert trailer.versions == len(wanted)
        copy = new_engine("memory", Path())
        assert restored_text(copy, text).versions == len(wanted)
        found = [version for history in histories(copy) for version in history.versions]
        assert list(map(repr, found)) == list(map(repr, wanted))
        assert Store(copy).verify().problems == ()
        assert Store(copy).stat().sources == len({version.source for version in wanted})
        for version in wanted:
            assert Store(copy).get_bytes(version) == store.get_bytes(version)


def restored_text(engine: Engine, text: bytes) -> PutSummary:
    """What restoring an archive of that text comes to; it lies in memory."""
    with patched(
        "pithstore.export.archive_file.open", lambda *_: io.BufferedReader(io.BytesIO(text)), create=True
    ):
        return restored(engine, ArchiveFile(__file__))


def test_an_empty_store_is_an_archive_too(store: Store, tmp_path: Path) -> None:
    text, trailer = exported(new_engine("memory", Path()))
    assert (trailer.versions, text.count(b"\n")) == (0, 2)
    assert restored(store._engine, archive_at(tmp_path / "a.jsonl", text)) == PutSummary()
    assert counts(store)["versions"] == 0


def test_a_damaged_version_ends_the_export_by_name(store: Store) -> None:
    store.put_many(record(str(i), n=i) for i in range(3))
    engine = store._engine
    ((key, value), *_) = engine.view(lambda view: view.scan(TAIL, limit=1))
    put_entry(engine, TAIL, (key, value[:20] + bytes([value[20] ^ 1]) + value[21:]))
    with pytest.raises(Damaged, match=r"^k:\d version \d: section '.+' \(blob [0-9a-f]{64}\) is damaged"):
        exported(engine)
    delete_entry(engine, SOURCES, engine.view(lambda view: view.scan(SOURCES, limit=1))[0][0])
    with pytest.raises(Damaged, match="source"):
        exported(engine)


def test_a_source_that_is_asked_for_and_not_there_is_an_error(store: Store) -> None:
    with pytest.raises(PithstoreError, match="k:1"):
        exported(store._engine, ExportFilter(sources=(Source("k", "1"),)))


def test_a_source_that_is_asked_for_has_its_versions_within_the_horizon(store: Store) -> None:
    for day in (2, 0, 1):
        store.put(record("1", day=day), observed_at=FIRST + timedelta(days=day))
    only = ExportFilter(Horizon(FIRST + timedelta(days=1)), (Source("k", "1"),))
    lines = exported(store._engine, only)[0].split(b"\n")[1:-2]
    assert [json.loads(line)["number"] for line in lines] == [2, 3]
