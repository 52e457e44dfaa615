"""Two versions against each other, as values: what became of each section, and the changes inside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

import attrs

from pithstore.diff import Change
from pithstore.model import Manifest, Version
from pithstore.pointer import Json

Status: TypeAlias = Literal["added", "removed", "changed", "same"]


@attrs.frozen
class SectionDiff:
    """What became of one section.

    `before` and `after` are its values (None where it is missing, and where it is the same and was not read);
    `changes` lead from one to the other, their paths read in the whole record.
    """

    name: str
    status: Status
    before: Json = None
    after: Json = None
    changes: tuple[Change, ...] = ()


@attrs.frozen
class Diff:
    """What leads from one version to another, section by section in order; iterated, the changes themselves."""

    before: Version
    after: Version
    sections: tuple[SectionDiff, ...]

    def __iter__(self) -> Iterator[Change]:
        return (change for section in self.sections for change in section.changes)

    def __len__(self) -> int:
        return sum(len(section.changes) for section in self.sections)


def section_statuses(before: Manifest, after: Manifest) -> dict[str, Status]:
    """What became of each section, by name in order, told from digests alone."""
    old = {section.name: section.digest for section in before.sections}
    new = {section.name: section.digest for section in after.sections}
    return {name: _status(old.get(name), new.get(name)) for name in sorted(old.keys() | new.keys())}


def _status(old: bytes | None, new: bytes | None) -> Status:
    if old is None:
        return "added"
    if new is None:
        return "removed"
    return "same" if old == new else "changed"
