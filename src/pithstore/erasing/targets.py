"""What an erase takes, and what stays because other sources have it too."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import attrs

from pithstore import records, tombstones
from pithstore.digest import Digest
from pithstore.engine import Engine
from pithstore.erasing.holders import all_sections, holders
from pithstore.errors import NotFound, UsageError
from pithstore.model import Source

_NAMED = 3


@attrs.frozen
class Targets:
    """The sections that go, with how many bytes they have; those that stay, each with a source that has it."""

    going: Mapping[Digest, int]
    staying: Mapping[Digest, Source]


def choose(engine: Engine, what: Source | Digest, *, everywhere: bool) -> Targets:
    """What erasing a source or a section comes to.

    NotFound where the store has never had it.  UsageError where several sources have a section, and nobody said
    `everywhere`.
    """
    if isinstance(what, Digest):
        return _of_digest(engine, what, everywhere=everywhere)
    sections = all_sections(engine, what)
    if not sections:
        raise NotFound(f"there is nothing of {what} to be erased; 'pithstore ls' lists the sources")
    staying = {} if everywhere else _had_by_others(engine, sections, what)
    return Targets({digest: size for digest, size in sections.items() if digest not in staying}, staying)


def _had_by_others(engine: Engine, sections: Mapping[Digest, int], source: Source) -> dict[Digest, Source]:
    """Those that other sources have; what was erased already stays so."""
    shared: dict[Digest, Source] = {}
    for found in holders(engine, sections):
        if (other := found[0].version.source) != source:
            for holder in found:
                shared.update((section.digest, other) for section in holder.sections(sections))
    gone = engine.view(partial(tombstones.find, digests=list(shared)))
    return {digest: other for digest, other in shared.items() if digest not in gone}


def _of_digest(engine: Engine, digest: Digest, *, everywhere: bool) -> Targets:
    size: int | None = None
    sources: list[Source] = []
    for found in holders(engine, {digest}):
        sources.append(found[0].version.source)
        size = found[0].sections({digest})[0].size
    grave = engine.view(partial(tombstones.find, digests=[digest])).get(digest)
    if len(sources) > 1 and not everywhere and grave is None:
        named = ", ".join(map(str, sources[:_NAMED])) + (" and others" if len(sources) > _NAMED else "")
        raise UsageError(
            f"{len(sources)} sources have blob {digest}: {named}; --everywhere erases it in all of them"
        )
    if size is None:
        # no version names it: it is garbage, or all of these were forgotten since
        size = grave.size if grave else len(engine.view(partial(records.read_blob, digest=digest)))
    return Targets({digest: size}, {})
