"""What the tests of export and restore share: histories, archives of them, and all that a store says."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch as patched

import attrs
from hypothesis import strategies as st

from pithstore.arrivals import Arrival
from pithstore.engine import Engine
from pithstore.export.archive import ArchiveTrailer
from pithstore.export.archive_file import ArchiveFile
from pithstore.export.filter import ExportFilter
from pithstore.export.restore import restore
from pithstore.export.write_archive import export_archive
from pithstore.results import PutSummary
from pithstore.store import Store
from pithstore.testing.machine_store import ARRIVALS, Clock, Record

FIRST = datetime(2026, 1, 1, tzinfo=UTC)

STEPS = st.lists(
    st.tuples(st.sampled_from((-86400, 0, 1, 86400)), st.lists(ARRIVALS, min_size=1, max_size=5)), max_size=4
)
"""Batches, and how many seconds the clock goes on, or back, before each."""


def apply(store: Store, steps: Sequence[tuple[int, list[tuple[Record, datetime | None]]]]) -> list[object]:
    """What became of each record; the clock starts at the same moment each time."""
    clock = Clock(FIRST)
    results: list[object] = []
    with patched("pithstore.store.datetime", clock):
        for seconds, arrivals in steps:
            clock.moment += timedelta(seconds=seconds)
            results += store.put_batch([Arrival(store.prepare(given), at) for given, at in arrivals])
    return results


def exported(engine: Engine, only: ExportFilter = ExportFilter()) -> tuple[bytes, ArchiveTrailer]:  # noqa: B008
    buffer = io.BytesIO()
    trailer = export_archive(engine, buffer.write, only, lambda _: None)
    return buffer.getvalue(), trailer


def archive_at(path: Path, text: bytes) -> ArchiveFile:
    path.write_bytes(text)
    return ArchiveFile(str(path))


def restored(engine: Engine, archive: ArchiveFile, said: Callable[[str], None] = print) -> PutSummary:
    return restore(engine, archive, archive.check(), said)


def counts(store: Store) -> dict[str, int]:
    """What `stat` counts that is not of the medium."""
    return attrs.asdict(attrs.evolve(store.stat(), stored_bytes=0))


def logged(store: Store) -> list[tuple[str, object, bytes]]:
    """Everything that `log` and `get` say, with what tells 1, 1.0 and True apart."""
    return [
        (repr(entry.version.source_version), entry, store.get_bytes(entry.version))
        for source in store.sources()
        for entry in store.log(source)
    ]
