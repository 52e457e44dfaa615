"""Two versions against each other, as values: what became of each section, and the changes inside."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from pithstore.diff.changes import Change
from pithstore.diff.section_diff import SectionDiff, Status
from pithstore.model import Manifest, Version

__all__ = ["Diff", "SectionDiff", "Status", "section_statuses"]


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

    def _repr_html_(self) -> str:
        """The diff as a notebook shows it."""
        from pithstore.rendering.diff_html import diff_html

        return diff_html(self)


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
