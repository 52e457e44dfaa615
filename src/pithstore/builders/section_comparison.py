"""What one builder changed against another, section by section: the values of the answer."""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

import attrs

from pithstore.references import Ref

Done: TypeAlias = Literal["add", "remove", "replace", "move"]
"""What a change does, as RFC 6902 calls it."""


@attrs.frozen
class OperationCount:
    """One way in which a place changed, and in how many of the pairs that were looked into.

    `old` and `new` are what stood and stands there in one of them, as shortened canonical text; None where nothing
    does.
    """

    op: Done
    count: int
    old: str | None = None
    new: str | None = None


@attrs.frozen
class PointerCount:
    """A place inside a section where something changed, and in how many of the pairs that were looked into.

    `pointer` leads into the record, with `*` for any position of a list.  `operations` say what was done there,
    the most frequent first; one pair may have several of them.
    """

    pointer: str
    count: int
    operations: tuple[OperationCount, ...]


@attrs.frozen
class PairExample:
    """Two versions of a source whose section differs; both references are as `diff` takes them."""

    before: Ref
    after: Ref

    def __str__(self) -> str:
        return f"{self.before} → {self.after}"


@attrs.frozen
class SectionComparison:
    """What became of one section, counted over all pairs in which it is there at least once.

    `changed` counts the pairs in which it differs, those included in which it was `added` or `removed`.  It was
    looked into in `sampled` of them: the ones with the smallest snapshot hashes, as fair as a draw and always the
    same.  `pointers` counts within those, the most frequent first; `examples` are some of them.  `names_builder`
    says that the builder's name stands in the section, so that it must differ.
    """

    section: str
    pairs: int
    changed: int
    added: int
    removed: int
    sampled: int
    pointers: tuple[PointerCount, ...]
    examples: tuple[PairExample, ...]
    names_builder: bool = False

    @property
    def share(self) -> float:
        """The share of the pairs in which it changed, from 0 to 1."""
        return self.changed / self.pairs if self.pairs else 0.0


@attrs.frozen
class MadeAlone:
    """What one builder made and the other did not: source versions, and sources of which the other has none.

    A source version is a source with a version of its own; `examples` are newest versions of some of them.
    """

    source_versions: int
    sources: int
    examples: tuple[Ref, ...]


class ComparedBuilders(Protocol):
    """Two builders, one held against the other: what the renderings see of a `BuilderComparison`."""

    @property
    def before(self) -> str:
        """The builder that is the measure."""
        ...

    @property
    def after(self) -> str:
        """The builder that is held against it."""
        ...

    @property
    def pairs(self) -> int:
        """How many source versions both made."""
        ...

    @property
    def same(self) -> int:
        """In how many of them nothing differs but the builder's name."""
        ...

    @property
    def shared_sources(self) -> int:
        """How many sources both made, in whatever versions."""
        ...

    @property
    def sections(self) -> tuple[SectionComparison, ...]:
        """What became of each section."""
        ...

    @property
    def only_before(self) -> MadeAlone:
        """What `before` made alone."""
        ...

    @property
    def only_after(self) -> MadeAlone:
        """What `after` made alone."""
        ...
