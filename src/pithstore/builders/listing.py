"""The builders of a store: how much each made, of how many sources, and when; told from the index alone."""

from __future__ import annotations

from pithstore.builders.comparison import BuilderSummary
from pithstore.builders.walk import Progress, builder_name, moments, payload_pages, read_builder_field
from pithstore.engine import Engine
from pithstore.horizon import OPEN, Horizon
from pithstore.times import from_microseconds


def builders(engine: Engine, horizon: Horizon = OPEN, progress: Progress | None = None) -> list[BuilderSummary]:
    """The builders of the versions within the horizon, by when their first version was recorded."""
    made: dict[bytes, _Made] = {}
    for page in payload_pages(engine, horizon, progress):
        for _, items in page:
            for field in {_count(made, payload) for _, payload in items}:
                made[field].sources += 1
    summaries = [counted.summary(builder_name(field)) for field, counted in made.items()]
    return sorted(summaries, key=lambda summary: (summary.first_recorded, summary.builder_version))


def _count(made: dict[bytes, _Made], payload: bytes) -> bytes:
    """Count a version, and give the field of its builder."""
    field = read_builder_field(payload)
    observed, recorded = moments(payload)
    if field not in made:
        made[field] = _Made(observed, recorded)
    made[field].add(observed, recorded)
    return field


class _Made:
    """What one builder made, as it is counted; moments are in microseconds since 1970."""

    __slots__ = ("first_observed", "first_recorded", "last_observed", "last_recorded", "sources", "versions")

    def __init__(self, observed: int, recorded: int) -> None:
        self.versions = self.sources = 0
        self.first_observed = self.last_observed = observed
        self.first_recorded = self.last_recorded = recorded

    def add(self, observed: int, recorded: int) -> None:
        self.versions += 1
        if observed < self.first_observed:
            self.first_observed = observed
        elif observed > self.last_observed:
            self.last_observed = observed
        if recorded < self.first_recorded:
            self.first_recorded = recorded
        elif recorded > self.last_recorded:
            self.last_recorded = recorded

    def summary(self, builder_version: str) -> BuilderSummary:
        return BuilderSummary(
            builder_version=builder_version,
            versions=self.versions,
            sources=self.sources,
            first_observed=from_microseconds(self.first_observed),
            last_observed=from_microseconds(self.last_observed),
            first_recorded=from_microseconds(self.first_recorded),
            last_recorded=from_microseconds(self.last_recorded),
        )
