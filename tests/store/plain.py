"""What a reader should say, told from plain lists of whole records: slow, and short enough to be checked by eye.

`Plain` answers the questions that `pithstore.reader.Reader` answers.  It has no index and no ledger: for each
question it goes through all records, and a horizon is nothing but a shorter list.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from typing import TypeAlias

import attrs

from pithstore.model import Source
from pithstore.pointer import Json, write_pointer
from pithstore.selectors import AsOf, Before, ByBuilder, ByNumber, BySnapshot, Selector
from pithstore.testing.machine_store import Kept, definition

Path: TypeAlias = tuple[str | int, ...]
Absent: TypeAlias = tuple[()]
ABSENT: Absent = ()
"""What is not there; no JSON value."""

EMPTY_IF_DECLARED = ("author_claims", "claims", "formal_canon", "references")


class Nothing(Exception):
    """There is no such version, source or value."""


class Several(Exception):
    """A prefix fits different snapshots."""


def digest(value: Json) -> str:
    """The digest of a section."""
    return sha256(definition(value)).hexdigest()


@attrs.frozen
class Plain:
    """The versions of each source, by rising number; `at` is what a bare reference means then."""

    histories: dict[Source, list[Kept]]
    at: datetime | None = None

    def within(
        self, at: datetime | None = None, as_recorded: datetime | None = None, builder: str | None = None
    ) -> Plain:
        """What is left when the rest had never been."""
        left = {
            source: [
                kept
                for kept in history
                if (at is None or kept.observed_at <= at)
                and (as_recorded is None or kept.recorded_at <= as_recorded)
                and (builder is None or kept.builder_version == builder)
            ]
            for source, history in self.histories.items()
        }
        return Plain({source: history for source, history in left.items() if history}, at)

    # Which version.

    def select(self, source: Source, selector: Selector | None) -> Kept:
        """The version that a selector means."""
        history = self.history(source)
        if selector is None and self.at is not None:
            selector = AsOf(self.at)
        if isinstance(selector, BySnapshot):
            fitting = [kept for kept in history if kept.snapshot.startswith(selector.prefix)]
            if len({kept.snapshot for kept in fitting}) > 1:
                raise Several
        elif isinstance(selector, AsOf):
            fitting = [kept for kept in history if kept.observed_at <= selector.moment]
            fitting.sort(key=lambda kept: (kept.observed_at, kept.number))
        elif isinstance(selector, Before):
            fitting = history[: max(0, len(history) - selector.steps)]
        elif isinstance(selector, ByNumber):
            fitting = [kept for kept in history if kept.number == selector.number]
        elif isinstance(selector, ByBuilder):
            fitting = [kept for kept in history if kept.builder_version == selector.builder_version]
        else:
            fitting = list(history)
        if not fitting:
            raise Nothing
        return fitting[-1]

    def history(self, source: Source) -> list[Kept]:
        """The versions of a source."""
        if source not in self.histories:
            raise Nothing
        return self.histories[source]

    def sources(self) -> list[Source]:
        """Every source, in order."""
        return sorted(self.histories)

    def section(self, kept: Kept, name: str) -> Json:
        """A section of a version."""
        if name not in kept.record:
            raise Nothing
        return kept.record[name]

    # What changed.

    def log(self, source: Source) -> list[tuple[Kept, Kept | None, list[str] | None]]:
        """Each version, the one before it, and the sections that differ."""
        history = self.history(source)
        rows: list[tuple[Kept, Kept | None, list[str] | None]] = []
        for i, kept in enumerate(history):
            if i == 0:
                rows.append((kept, None, None))
            else:
                rows.append((kept, history[i - 1], differing(history[i - 1], kept)))
        return rows

    def matrix(self, source: Source) -> dict[str, str]:
        """The marks of each section, each told from all that came before it."""
        history = self.history(source)
        names = sorted({name for kept in history for name in kept.record})
        return {name: "".join(_mark(history, name, i) for i in range(len(history))) for name in names}

    def blame(self, source: Source, selector: Selector | None, tokens: Sequence[str] = ()) -> dict[str, int]:
        """Pointer → number of the version that set the value there, for lists whose elements stay in place."""
        kept = self.select(source, selector)
        older = [other for other in self.history(source) if other.number < kept.number]
        told: dict[str, int] = {}
        for path, value in leaves(kept.record):
            if [str(token) for token in path[: len(tokens)]] == list(tokens):
                told[write_pointer(path)] = _set_by(kept, older[::-1], path, value)
        if not told:
            raise Nothing
        return told

    def who(self, wanted: str) -> list[tuple[Source, int, list[str]]]:
        """Every version with a section of that digest."""
        found = []
        for source in self.sources():
            for kept in self.history(source):
                names = sorted(name for name, section in kept.record.items() if digest(section) == wanted)
                if names:
                    found.append((source, kept.number, names))
        return found

    # Claims and conflicts.

    def conflicts(self, only: Source | None = None) -> list[tuple[Source, str, str, list[int], int, list[str]]]:
        """Source, source version as JSON, builder, numbers, how many contents, and the sections that differ."""
        found = []
        for source in self.sources() if only is None else [only]:
            groups: dict[tuple[str, str], list[Kept]] = {}
            for kept in self.history(source):
                groups.setdefault((kept.builder_version, json.dumps(kept.source_version)), []).append(kept)
            for (builder, version), group in groups.items():
                contents = {kept.text for kept in group}
                if len(contents) > 1:
                    names = sorted({name for kept in group[1:] for name in differing(group[0], kept)})
                    numbers = [kept.number for kept in group]
                    found.append((source, version, builder, numbers, len(contents), names))
        return found

    def declared_findings(self, only: Source | None = None) -> list[tuple[Source, int, str, str, str | None]]:
        """Source, number, section, verdict and drift of each declaration."""
        found = []
        for source in self.sources() if only is None else [only]:
            history = self.history(source)
            for i, kept in enumerate(history):
                for name, section in sorted(kept.record.items()):
                    verdict = verdict_of(name, section)
                    if verdict is not None:
                        before = history[i - 1].record.get(name) if i else None
                        found.append((source, kept.number, name, verdict, drift_of(name, before, section)))
        return found

    def declared(self) -> dict[str, list[int]]:
        """Section → how often each of the five outcomes was met."""
        counts: dict[str, list[int]] = {}
        for _, _, name, verdict, drift in self.declared_findings():
            row = counts.setdefault(name, [0] * len(OUTCOMES))
            row[OUTCOMES.index(verdict)] += 1
            if drift is not None:
                row[OUTCOMES.index(drift)] += 1
        return dict(sorted(counts.items()))


def differing(before: Kept, after: Kept) -> list[str]:
    """The sections that are not the same in both, or in one only."""
    return sorted(
        name
        for name in {*before.record, *after.record}
        if name not in before.record
        or name not in after.record
        or definition(before.record[name]) != definition(after.record[name])
    )


def _mark(history: Sequence[Kept], name: str, i: int) -> str:
    states = [digest(kept.record[name]) if name in kept.record else None for kept in history[: i + 1]]
    now, before = states[i], states[i - 1] if i else None
    if now is None:
        return " " if before is None else "-"
    if now == before:
        return "."
    if now in states[:i]:
        return "<"
    return "+" if before is None else "~"


def leaves(value: Json, path: Path = ()) -> Iterator[tuple[Path, Json]]:
    """Every scalar, empty object and empty list, in order."""
    inner: Iterable[tuple[str | int, Json]] = ()
    if isinstance(value, dict):
        inner = sorted(value.items())
    elif isinstance(value, list):
        inner = enumerate(value)
    empty = True
    for token, item in inner:
        empty = False
        yield from leaves(item, (*path, token))
    if empty:
        yield path, value


def standing_at(value: Json, path: Path) -> Json | Absent:
    """What stands at a path, where a name leads into an object and a position into a list."""
    for token in path:
        inner: dict[str | int, Json] = {}
        if isinstance(value, dict):
            inner = dict(value.items())
        elif isinstance(value, list):
            inner = dict(enumerate(value))
        if token not in inner:
            return ABSENT
        value = inner[token]
    return value


def is_same(value: Json | Absent, other: Json | Absent) -> bool:
    """Whether both are there and equal in canonical bytes."""
    if isinstance(value, tuple) or isinstance(other, tuple):
        return False
    return definition(value) == definition(other)


def _set_by(kept: Kept, older: Sequence[Kept], path: Path, value: Json) -> int:
    """The number of the oldest version of those in a row, going back, that have the value there."""
    since = kept.number
    for other in older:
        if not is_same(standing_at(other.record, path), value):
            break
        since = other.number
    return since


# What upstream declares, in our own words.

OUTCOMES = (
    "match",
    "mismatch",
    "unknown rule",
    "changed though declared the same",
    "same though declared changed",
)


def verdict_of(name: str, section: Json) -> str | None:
    """What a section's own digest comes to; None where it declares none."""
    if not isinstance(section, dict) or section.get("snapshot_sha256") is None:
        return None
    rest = {member: value for member, value in section.items() if member != "snapshot_sha256"}
    payload: Json
    if name == "integrity" and {"detectors_run", "findings"} <= rest.keys():
        payload = {"detectors": rest["detectors_run"], "findings": rest["findings"]}
    elif name in EMPTY_IF_DECLARED and all(definition(value) in (b"0", b"[]") for value in rest.values()):
        payload = []
    else:
        return "unknown rule"
    return "match" if section["snapshot_sha256"] == digest({"payload": payload}) else "mismatch"


def drift_of(name: str, before: Json, after: Json) -> str | None:
    """Whether a section and what it declares went different ways; None where one of both declares nothing."""
    if verdict_of(name, before) is None or verdict_of(name, after) is None:
        return None
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    declared_same = is_same(before["snapshot_sha256"], after["snapshot_sha256"])
    others = [
        {member: value for member, value in section.items() if member != "snapshot_sha256"}
        for section in (before, after)
    ]
    content_same = is_same(others[0], others[1])
    if declared_same == content_same:
        return None
    return "changed though declared the same" if declared_same else "same though declared changed"


def told(ask: Callable[[], object]) -> object:
    """What a question comes to, or in a word why it has no answer."""
    from pithstore.errors import Ambiguous, NotFound

    try:
        return ask()
    except (Nothing, NotFound):
        return "nothing"
    except (Several, Ambiguous):
        return "several"
