"""The builders of a store, and one held against another: the values of both answers."""

from __future__ import annotations

from datetime import datetime

import attrs

from pithstore.builders.section_comparison import MadeAlone, SectionComparison


@attrs.frozen
class BuilderSummary:
    """How many versions one builder made, of how many sources, and when; all moments are in UTC."""

    builder_version: str
    versions: int
    sources: int
    first_observed: datetime
    last_observed: datetime
    first_recorded: datetime
    last_recorded: datetime


@attrs.frozen
class BuilderComparison:
    """What builder `after` made differently from builder `before`, of the same source versions.

    There is a pair for each source version that both made: the newest version by number of each builder.  In
    `same` of the pairs nothing differs but a section that is only the builder's name.  `sections` has those of all
    pairs, the most often changed first, and those that name the builder last.  `shared_sources` counts the sources
    that both builders made, in whatever source versions.
    """

    before: str
    after: str
    pairs: int
    same: int
    shared_sources: int
    sections: tuple[SectionComparison, ...]
    only_before: MadeAlone
    only_after: MadeAlone

    def _repr_html_(self) -> str:
        """The comparison with its plots, for a notebook; all text is escaped."""
        from pithstore.rendering.builder_html import comparison_html  # most comparisons are never shown so

        return comparison_html(self)
