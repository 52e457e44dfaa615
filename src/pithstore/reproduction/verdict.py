"""What came of running a builder again, as values: does it still make what is stored?

Records are compared section by section, by digest first; what digests say is equal is not read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Literal, TypeAlias

import attrs

from pithstore.canonical import canonical, decode
from pithstore.diff.comparison import section_statuses
from pithstore.diff.list_keys import NO_KEYS, ListKeys
from pithstore.diff.values import Change, diff
from pithstore.digest import Digest
from pithstore.errors import InvalidRecord, UsageError
from pithstore.limits import Limits
from pithstore.model import Manifest, Version
from pithstore.pointer import Json, read_pointer, write_pointer
from pithstore.profile import Profile
from pithstore.record import Prepared, prepare
from pithstore.reproduction.leave_out import Pointer, leave_out

Outcome: TypeAlias = Literal["identical", "differs", "failed", "nondeterministic"]
FailureReason: TypeAlias = Literal[
    "not-started", "exit", "time-out", "no-output", "invalid-record", "wrong-source", "raised", "stopped"
]
Record: TypeAlias = "str | bytes | dict[str, Json]"


@attrs.frozen
class Output:
    """What a builder gave: its record, and the last lines of what it said beside it."""

    record: Record
    log: tuple[str, ...] = ()


@attrs.frozen
class Failure:
    """Why a builder gave no record to compare: a stable word, a sentence, and the last lines of what it said."""

    reason: FailureReason
    why: str
    log: tuple[str, ...] = ()


Build: TypeAlias = Callable[[dict[str, Json]], "Record | Output | Failure"]
"""A builder: takes a source as `source_of` gives it, and returns the record that it makes of it."""


@attrs.frozen
class Reproduction:
    """What came of one version.

    `changes` lead from what is stored to the rebuilt record (`differs`), `observed` from the record of the first
    run to that of the second (`nondeterministic`); `sections` are those that they lie in.  `ignored` are the
    pointers at which something differed and was left out.  `rebuilt` is the snapshot hash of the rebuilt record
    and `rebuilt_by` the builder that it names, both of the first run; None for `failed`, which has a `failure`.
    """

    version: Version
    verdict: Outcome
    sections: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    observed: tuple[Change, ...] = ()
    ignored: tuple[str, ...] = ()
    rebuilt: Digest | None = None
    rebuilt_by: str | None = None
    failure: Failure | None = None


@attrs.frozen
class Side:
    """A record to compare: its recipe, and how a section of it is read."""

    manifest: Manifest
    read: Callable[[str], Json]


@attrs.frozen
class Rules:
    """How records are compared: without what stands at the `ignored` pointers, and against what is stored also
    without the `builder`, where the profile has it; `keys` say how the elements of lists are known.
    """

    ignored: tuple[Pointer, ...] = ()
    builder: tuple[Pointer, ...] = ()
    keys: ListKeys = NO_KEYS


def rules_of(ignore: Iterable[str], profile: Profile) -> Rules:
    """How records of that profile are compared; UsageError where a text is no pointer to a value in a record."""
    ignored = tuple(dict.fromkeys(read_pointer(text) for text in ignore))
    if () in ignored:
        raise UsageError(
            "an ignored pointer leads to a value in the record, as /paper/fetched_at does; '' is all of it"
        )
    rule = profile.builder_version
    builder = (read_pointer(rule),) if rule.startswith("/") else ()
    return Rules(ignored, builder, profile.list_keys)


def source_of(version: Version) -> dict[str, Json]:
    """What a builder is told: the kind, the id and the version of the source; null for a source without one."""
    return {"kind": version.source.kind, "id": version.source.id, "version": version.source_version}


def check_output(
    version: Version, output: Record | Output | Failure, profile: Profile, limits: Limits
) -> Prepared | Failure:
    """The record that a builder gave for a version, ready to compare; a failure where there is none about it."""
    if isinstance(output, Failure):
        return output
    record, log = (output.record, output.log) if isinstance(output, Output) else (output, ())
    if isinstance(record, str | bytes) and not record.strip():
        return Failure("no-output", "the builder gave no record", log)
    try:
        prepared = prepare(record, profile, limits)
    except InvalidRecord as error:
        return Failure("invalid-record", f"the record is refused, {error.reason}: {error}", log)
    wanted, made = _about(source_of(version)), _about(_source_of_record(prepared))
    if wanted != made:
        return Failure("wrong-source", f"the record is about {made}, not about {wanted}", log)
    return prepared


def _source_of_record(prepared: Prepared) -> dict[str, Json]:
    source = prepared.line.source
    return {"kind": source.kind, "id": source.id, "version": prepared.source_version}


def _about(source: dict[str, Json]) -> str:
    return canonical(source).decode()


def judge(version: Version, stored: Side, first: Prepared, second: Prepared | None, rules: Rules) -> Reproduction:
    """The verdict on a version whose builder was run once, or twice to see whether it agrees with itself.

    The builder that a record names counts between two runs, never between a run and what is stored.
    """
    between = _NONE if second is None else _differences(_side(first), _side(second), rules.ignored, rules.keys)
    against = (
        _NONE
        if between.sections
        else _differences(stored, _side(first), (*rules.ignored, *rules.builder), rules.keys)
    )
    hidden = between.hidden | against.hidden
    verdict: Outcome = "nondeterministic" if between.sections else "differs" if against.sections else "identical"
    return Reproduction(
        version,
        verdict,
        sections=between.sections or against.sections,
        changes=against.changes,
        observed=between.changes,
        ignored=tuple(write_pointer(pointer) for pointer in rules.ignored if pointer in hidden),
        rebuilt=first.snapshot,
        rebuilt_by=first.line.builder_version,
    )


def _side(prepared: Prepared) -> Side:
    bodies = {entry.name: body for entry, body in zip(prepared.manifest.sections, prepared.bodies, strict=True)}
    return Side(prepared.manifest, lambda name: decode(bodies[name]))


@attrs.frozen
class _Differences:
    """How two records differ beside what was left out; `hidden` are the pointers where something was."""

    sections: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    hidden: frozenset[Pointer] = frozenset()


_NONE = _Differences()


def _differences(old: Side, new: Side, apart: Collection[Pointer], keys: ListKeys) -> _Differences:
    sections: list[str] = []
    changes: list[Change] = []
    hidden: set[Pointer] = set()
    for name, status in section_statuses(old.manifest, new.manifest).items():
        if status == "same":
            continue
        if (name,) in apart:
            hidden.add((name,))
            continue
        before: dict[str, Json] = {} if status == "added" else {name: old.read(name)}
        after: dict[str, Json] = {} if status == "removed" else {name: new.read(name)}
        hidden |= leave_out(before, after, [pointer for pointer in apart if pointer[0] == name])
        inside = list(diff(before, after, keys=keys))
        changes += inside
        sections += [name] if inside else []
    return _Differences(tuple(sections), tuple(changes), frozenset(hidden))
