"""Findings of reproducibility: one builder, one source version, and yet more than one content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import attrs

from pithstore import manifests, records
from pithstore.engine import Engine, View
from pithstore.horizon import Horizon
from pithstore.model import Scalar, Source, Version
from pithstore.survey import histories


@attrs.frozen
class Conflict:
    """The versions that one builder made of one version of a source, where their contents differ.

    `versions` are all of them by rising number, `snapshots` counts their different contents, and `sections` names
    the sections that are not the same in all of them.
    """

    source: Source
    source_version: Scalar
    builder_version: str
    versions: tuple[Version, ...]
    snapshots: int
    sections: tuple[str, ...]


def conflicts(engine: Engine, horizon: Horizon, only: Source | None = None) -> Iterator[Conflict]:
    """Every conflict within the horizon, by source, or those of one source; told from digests alone."""
    for history in histories(engine, horizon, only):
        for group in _groups(history.versions):
            if len({version.snapshot for version in group}) > 1:
                yield engine.view(partial(_conflict, versions=group))


def _groups(all_versions: Sequence[Version]) -> list[tuple[Version, ...]]:
    groups: dict[tuple[str, str], list[Version]] = {}
    for version in all_versions:  # repr tells 1 from 1.0 and True
        groups.setdefault((version.builder_version, repr(version.source_version)), []).append(version)
    return [tuple(group) for group in groups.values()]


def _conflict(view: View, versions: tuple[Version, ...]) -> Conflict:
    first = versions[0]
    distinct = dict.fromkeys(version.snapshot for version in versions)
    recipes = [recipe or {} for recipe in manifests.digests_many(view, list(distinct))]
    if not all(recipes):
        records.read_manifests(view, versions)  # says what is damaged
    differing = {member for recipe in recipes[1:] for member in recipe.items() ^ recipes[0].items()}
    return Conflict(
        source=first.source,
        source_version=first.source_version,
        builder_version=first.builder_version,
        versions=versions,
        snapshots=len(distinct),
        sections=tuple(sorted({name for name, _ in differing})),
    )
