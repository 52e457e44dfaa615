"""As of a moment: what is read within a horizon is what a store would say that holds nothing beyond it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pithstore.digest import Digest
from pithstore.errors import NotFound, UsageError
from pithstore.horizon import Horizon
from pithstore.log import LogFilter
from pithstore.model import Source, Version
from pithstore.reader import Reader
from pithstore.references import Ref
from pithstore.selectors import AsOf, Before, ByBuilder, ByNumber, BySnapshot, Selector
from pithstore.store import Store
from pithstore.testing.machine_store import Kept
from tests.store.any_history import BUILDERS, FIRST, HISTORIES, HOUR, MOMENTS, SOURCES, VALUES, Put, fill
from tests.store.plain import Plain, digest, told
from tests.store.shelves import new_store, record

UNKNOWN = Source("k", "0")
TICK = timedelta(microseconds=1)
A, B, C = record(x="a"), record(x="b"), record(x="c")

Answers: TypeAlias = dict[str, object]
HORIZONS = st.tuples(st.none() | MOMENTS, st.none() | MOMENTS, st.none() | st.sampled_from((*BUILDERS, "b3")))


def selectors(plain: Plain, source: Source) -> Iterator[Selector | None]:
    """Every selector that could mean something, and some that mean nothing."""
    history = plain.histories.get(source, [])
    yield None
    yield from map(ByNumber, range(len(history) + 2))
    yield from map(Before, range(len(history) + 1))
    yield from map(ByBuilder, (*BUILDERS, "b3"))
    moments = {moment for kept in history for moment in (kept.observed_at, kept.recorded_at)}
    yield from (AsOf(moment + step) for moment in sorted(moments) for step in (-TICK, TICK - TICK))
    yield from (BySnapshot(snapshot[:8]) for snapshot in sorted({kept.snapshot for kept in history}))


def line(version: Version) -> tuple[object, ...]:
    said = (version.number, version.builder_version, repr(version.source_version), str(version.snapshot))
    return (str(version.source), *said, version.observed_at, version.recorded_at)


def kept_line(source: Source, kept: Kept) -> tuple[object, ...]:
    said = (kept.number, kept.builder_version, repr(kept.source_version), kept.snapshot)
    return (str(source), *said, kept.observed_at, kept.recorded_at)


def answers_of(reader: Reader, everything: Plain) -> Answers:
    """What a reader says to every question about what there is, whatever its horizon."""
    answers: Answers = {
        "sources": [str(source) for source in reader.sources()],
        "latest": [line(version) for version in reader.latest()],
        "conflicts": [
            (
                str(one.source),
                repr(one.source_version),
                one.builder_version,
                [version.number for version in one.versions],
                one.snapshots,
                list(one.sections),
            )
            for one in reader.conflicts()
        ],
        "declared": {name: list(attrs.astuple(row)) for name, row in reader.declared().sections.items()},
    }
    for wanted in sorted({digest(value) for values in VALUES.values() for value in values}):
        answers[f"who {wanted}"] = [
            (str(holder.version.source), holder.version.number, list(holder.sections))
            for holder in reader.who(Digest.from_text(wanted))
        ]
    for source in (*SOURCES, UNKNOWN):
        answers |= _of_source(reader, source)
        for selector in selectors(everything, source):
            answers |= _of_version(reader, Ref(source, selector))
    return answers


def _of_source(reader: Reader, source: Source) -> Answers:
    def log() -> object:
        return [
            (entry.version.number, entry.before and entry.before.number, entry.changed and list(entry.changed))
            for entry in reader.log(source)
        ]

    questions: dict[str, Callable[[], object]] = {
        "history": lambda: [line(version) for version in reader.history(source)],
        "log": log,
        "matrix": lambda: dict(reader.matrix(source).rows),
        "numbers": lambda: [version.number for version in reader.matrix(source).versions],
        "conflicts": lambda: [one.builder_version for one in reader.conflicts(source)],
        "findings": lambda: [
            (str(found.version.source), found.version.number, *attrs.astuple(found.outcome))
            for found in reader.declared_findings(source)
        ],
    }
    return {f"{name} {source}": told(ask) for name, ask in questions.items()}


def _of_version(reader: Reader, ref: Ref) -> Answers:
    place = attrs.evolve(ref, pointer=("x",))
    questions: dict[str, Callable[[], object]] = {
        "version": lambda: line(reader.version(ref)),
        "get": lambda: reader.get_bytes(ref),
        "value": lambda: reader.get_bytes(place),
        "manifest": lambda: [(section.name, str(section.digest)) for section in reader.manifest(ref).sections],
        "blame": lambda: {one.pointer: one.version.number for one in reader.blame(ref)},
        "blame x": lambda: {one.pointer: one.version.number for one in reader.blame(place)},
        "diff": lambda: (lambda diff: (line(diff.before), line(diff.after)))(reader.diff(ref.source, ref)),
        "compare": lambda: [
            name for name, status in reader.compare(ref.source, ref).items() if status != "same"
        ],
    }
    return {f"{name} {ref}": told(ask) for name, ask in questions.items()}


def plain_answers(plain: Plain, everything: Plain) -> Answers:
    """What plain lists say to the same questions."""
    answers: Answers = {
        "sources": [str(source) for source in plain.sources()],
        "latest": [kept_line(source, plain.select(source, None)) for source in plain.sources()],
        "conflicts": [
            (str(source), {"null": "None"}.get(version, version), *rest)
            for source, version, *rest in plain.conflicts()
        ],
        "declared": plain.declared(),
    }
    for wanted in sorted({digest(value) for values in VALUES.values() for value in values}):
        answers[f"who {wanted}"] = [(str(source), *rest) for source, *rest in plain.who(wanted)]
    for source in (*SOURCES, UNKNOWN):
        answers |= _plain_source(plain, source)
        for selector in selectors(everything, source):
            answers |= _plain_version(plain, Ref(source, selector))
    return answers


def _plain_source(plain: Plain, source: Source) -> Answers:
    questions: dict[str, Callable[[], object]] = {
        "history": lambda: [kept_line(source, kept) for kept in plain.history(source)],
        "log": lambda: [
            (kept.number, before and before.number, changed) for kept, before, changed in plain.log(source)
        ],
        "matrix": lambda: plain.matrix(source),
        "numbers": lambda: [kept.number for kept in plain.history(source)],
        "conflicts": lambda: [builder for _, _, builder, *_ in plain.conflicts(source)],
        "findings": lambda: [(str(source), *rest) for _, *rest in plain.declared_findings(source)],
    }
    return {f"{name} {source}": told(ask) for name, ask in questions.items()}


def _plain_version(plain: Plain, ref: Ref) -> Answers:
    source = ref.source

    def chosen() -> Kept:
        return plain.select(source, ref.selector)

    def value() -> object:
        record = chosen().record
        return attrs.evolve(chosen(), record={"x": record["x"]}, text=b"").record if "x" in record else None

    questions: dict[str, Callable[[], object]] = {
        "version": lambda: kept_line(source, chosen()),
        "get": lambda: chosen().text,
        "value": lambda: _value(chosen()),
        "manifest": lambda: [(name, digest(section)) for name, section in sorted(chosen().record.items())],
        "blame": lambda: plain.blame(source, ref.selector),
        "blame x": lambda: plain.blame(source, ref.selector, ("x",)),
        "diff": lambda: (kept_line(source, plain.select(source, None)), kept_line(source, chosen())),
        "compare": lambda: _differing(plain.select(source, None), chosen()),
    }
    return {f"{name} {ref}": told(ask) for name, ask in questions.items()}
