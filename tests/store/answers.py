"""All that a reader answers, question by question, so that two stores can be held against each other."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import TypeAlias

import attrs

from pithstore.errors import PithstoreError
from pithstore.history.log import LogFilter
from pithstore.model import Source, Version
from pithstore.pointer import Json
from pithstore.reader import Reader
from pithstore.references import Ref
from pithstore.selectors import AsOf, Before, ByBuilder, ByNumber, BySnapshot, Selector

Answers: TypeAlias = dict[str, str]
Questions: TypeAlias = Iterator[tuple[str, Callable[[], object]]]

TICK = timedelta(microseconds=1)
UNKNOWN = Source("k", "there is none such")
_CLOSE, _FAR = 3, 29  # versions of a long history that are asked everything: the first and last, and a few between


def answers(reader: Reader, builders: Sequence[str]) -> Answers:
    """What it answers, as text that tells 1, 1.0 and True apart; of an error its kind and its words."""
    return {name: _told(ask) for name, ask in _questions(reader, builders)}


def _told(ask: Callable[[], object]) -> str:
    try:
        found = ask()
        return repr(list(found) if isinstance(found, Iterator) else found)
    except PithstoreError as error:
        return f"{type(error).__name__}: {error}"


def _questions(reader: Reader, builders: Sequence[str]) -> Questions:
    yield "sources", reader.sources
    yield "latest", reader.latest
    yield "stat", lambda: attrs.evolve(reader.stat(), stored_bytes=0)
    yield "builders", reader.builders
    yield "declared", reader.declared
    yield "findings", reader.declared_findings
    yield "drift", lambda: reader.declared_findings(section="claims", outcome="mismatch")
    yield "conflicts", reader.conflicts
    yield "checks", reader.recorded_checks
    yield "reproduced", lambda: reader.reproduce(list(reader.latest()), _build)
    yield "export", lambda: _exported(reader)
    yield "rows of versions", lambda: reader.table_rows("versions")
    yield "rows of changes", lambda: reader.table_rows("changes")
    yield "rows of blobs", lambda: reader.table_rows("blobs", sections=["x", "claims"])
    for before, after in pairwise((*builders, "nobody")):
        yield f"{before} against {after}", partial(reader.compare_builders, before, after)
    sources = list(reader.sources())
    for source in (*sources, UNKNOWN):
        yield from _of_source(reader, source, builders)
    digests = dict.fromkeys(
        section.digest for source in sources for section in reader.manifest(source).sections if section.size > 5
    )
    for digest in list(digests)[:12]:
        yield f"who {digest}", partial(reader.who, digest)
        yield f"blob {digest}", partial(reader.blob, digest)


def _build(source: Json) -> dict[str, Json]:
    return {"source": source, "builder_version": "b1", "x": "rebuilt"}


def _exported(reader: Reader) -> object:
    buffer = io.BytesIO()
    return reader.export_archive(buffer.write), buffer.getvalue()


def _of_source(reader: Reader, source: Source, builders: Sequence[str]) -> Questions:
    yield f"history {source}", partial(reader.history, source)
    yield f"log {source}", partial(reader.log, source)
    yield f"log of x {source}", partial(reader.log, source, LogFilter(["x"]))
    yield f"matrix {source}", partial(reader.matrix, source)
    yield f"conflicts {source}", partial(reader.conflicts, source)
    yield f"findings {source}", partial(reader.declared_findings, source)
    yield f"export {source}", lambda: reader.export_archive(lambda _: None, sources=[source])
    yield f"changes {source}", lambda: reader.table_rows("changes", sources=[source], builder=builders[0])
    if source == UNKNOWN:
        return
    history = list(reader.history(source))
    for selector in _selectors(history, builders):
        ref = Ref(source, selector)
        yield f"version {ref}", partial(reader.version, ref)
    for version in _some(history):
        yield from _of_version(reader, version)
    for before, after in pairwise(_some(history)):
        yield f"diff {before.number} {after.number} {source}", partial(reader.diff, before, after)
        yield f"compare {before.number} {after.number} {source}", partial(reader.compare, before, after)


def _selectors(history: Sequence[Version], builders: Sequence[str]) -> Iterator[Selector | None]:
    """Every kind of selector, among them some that mean nothing."""
    last = history[-1].number
    yield None
    numbers = range(1, last + 1, max(11, last // 50))  # in a damaged store the last may be any
    yield from map(ByNumber, (0, *numbers, last, last + 1, 2**32))
    yield from map(Before, (*range(0, last, max(_FAR, last // 50)), last - 1, last, 2**40))
    yield from map(ByBuilder, (*builders, "nobody"))
    moments = sorted({moment for each in history for moment in (each.observed_at, each.recorded_at)})
    yield from (AsOf(moment - step) for moment in (*moments[:5], *moments[5::_FAR]) for step in (TICK, 0 * TICK))
    yield from (BySnapshot(str(version.snapshot)[:8]) for version in history[::11])


def _some(history: Sequence[Version]) -> list[Version]:
    if len(history) < 3 * _CLOSE:
        return list(history)
    return [*history[:_CLOSE], *history[_CLOSE:-_CLOSE:_FAR], *history[-_CLOSE:]]


def _of_version(reader: Reader, version: Version) -> Questions:
    ref = Ref(version.source, ByNumber(version.number))
    value = attrs.evolve(ref, pointer=("x",))
    yield f"get {ref}", partial(reader.get, ref)
    yield f"bytes {ref}", partial(reader.get_bytes, ref)
    yield f"value {ref}", partial(reader.get, value)
    yield f"manifest {ref}", partial(reader.manifest, ref)
    yield f"blame {ref}", partial(reader.blame, ref)
    yield f"blame x {ref}", partial(reader.blame, value)


def differences(one: Answers, other: Answers) -> Iterable[str]:
    """The questions that were not answered the same."""
    return [name for name in one.keys() | other.keys() if one.get(name) != other.get(name)]
