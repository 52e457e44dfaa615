"""Findings of reproducibility: one builder, one source version, and yet more than one content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeAlias

import attrs

from pithstore import manifests, records
from pithstore.digest import Digest
from pithstore.engine import Engine, View
from pithstore.horizon import Horizon
from pithstore.model import Scalar, Source, Version
from pithstore.survey import histories

_PAGE = 256  # versions

_Group: TypeAlias = tuple[Version, ...]
"""The versions that one builder made of one version of a source."""


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
        for page in _pages(_groups(history.versions)):
            yield from engine.view(partial(_conflicts, groups=page))


def _groups(all_versions: Sequence[Version]) -> list[_Group]:
    groups: dict[tuple[str, str], list[Version]] = {}
    for version in all_versions:  # repr tells 1 from 1.0 and True
        groups.setdefault((version.builder_version, repr(version.source_version)), []).append(version)
    return [tuple(group) for group in groups.values()]


def _pages(groups: Iterable[_Group]) -> Iterator[list[_Group]]:
    """Those whose contents differ, together so many that what lies side by side in the store is read once."""
    page: list[_Group] = []
    for group in groups:
        if len({version.snapshot for version in group}) > 1:
            page.append(group)
            if sum(map(len, page)) >= _PAGE:
                yield page
                page = []
    if page:
        yield page


def _conflicts(view: View, groups: Sequence[_Group]) -> list[Conflict]:
    distinct = {version.snapshot: version for group in groups for version in reversed(group)}
    found = manifests.digests_of(view, list(distinct.values()))
    recipes = {snapshot: recipe for snapshot, recipe in zip(distinct, found, strict=True) if recipe is not None}
    return [_conflict(view, group, recipes) for group in groups]


def _conflict(view: View, versions: _Group, recipes: Mapping[Digest, dict[str, bytes]]) -> Conflict:
    first = versions[0]
    distinct = dict.fromkeys(version.snapshot for version in versions)
    if not distinct.keys() <= recipes.keys():
        records.read_manifests(view, versions)  # says what is damaged
    told = [recipes[snapshot] for snapshot in distinct]
    differing = {member for recipe in told[1:] for member in recipe.items() ^ told[0].items()}
    return Conflict(
        source=first.source,
        source_version=first.source_version,
        builder_version=first.builder_version,
        versions=versions,
        snapshots=len(distinct),
        sections=tuple(sorted({name for name, _ in differing})),
    )
