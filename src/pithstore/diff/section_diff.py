"""What became of one section from one version to another, as a value."""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

import attrs

from pithstore.diff.changes import Change
from pithstore.model import Version
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


class Compared(Protocol):
    """Two versions with what became of each section: what the renderings see of a `Diff`."""

    @property
    def before(self) -> Version:
        """The version that it leads from."""
        ...

    @property
    def after(self) -> Version:
        """The version that it leads to."""
        ...

    @property
    def sections(self) -> tuple[SectionDiff, ...]:
        """Every section of either, in order of name, or those that were asked for."""
        ...
