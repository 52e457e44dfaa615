"""Who has some sections: every version whose manifest names one of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial

import attrs

from pithstore import records
from pithstore.canonical import canonical
from pithstore.digest import Digest
from pithstore.engine import Engine
from pithstore.model import Manifest, SectionEntry, Source, Version
from pithstore.survey import histories

_VERSIONS_AT_ONCE = 512
_NOTHING_BYTES = 5
"""As long as `false`."""


@attrs.frozen
class Holder:
    """A version, and its manifest."""

    version: Version
    manifest: Manifest

    def sections(self, wanted: Collection[Digest]) -> list[SectionEntry]:
        """Those of its sections that are wanted."""
        return [section for section in self.manifest.sections if section.digest in wanted]


def holders(engine: Engine, wanted: Collection[Digest]) -> Iterator[list[Holder]]:
    """The versions with one of these sections, those of one source at a time; all manifests are looked through.

    Damaged where nobody can tell what a version has.
    """
    for history in histories(engine):
        if found := list(_having(engine, history.versions, wanted)):
            yield found


def _having(engine: Engine, versions: Sequence[Version], wanted: Collection[Digest]) -> Iterator[Holder]:
    for start in range(0, len(versions), _VERSIONS_AT_ONCE):
        some = versions[start : start + _VERSIONS_AT_ONCE]
        for version, manifest in zip(some, _recipes(engine, some), strict=True):
            if any(section.digest in wanted for section in manifest.sections):
                yield Holder(version, manifest)


def all_sections(engine: Engine, source: Source) -> dict[Digest, int]:
    """The sections of all versions of a source that say anything of their own, with how many bytes they have.

    One that is what the index says in the open, such as the builder's name, or as short as an empty list, hides
    nothing; and any record may have the same.
    """
    found: dict[Digest, int] = {}
    for history in histories(engine, only=source):
        for start in range(0, len(history.versions), _VERSIONS_AT_ONCE):
            some = history.versions[start : start + _VERSIONS_AT_ONCE]
            for version, manifest in zip(some, _recipes(engine, some), strict=True):
                said = _said(version)
                found.update(
                    (section.digest, section.size)
                    for section in manifest.sections
                    if section.size > _NOTHING_BYTES and section.digest not in said
                )
    return found


def _said(version: Version) -> set[Digest]:
    """The digests of what the index says of a version in the open."""
    said = (version.source.kind, version.source.id, version.source_version, version.builder_version)
    return {Digest.of(canonical(each)) for each in said}


def _recipes(engine: Engine, versions: Sequence[Version]) -> list[Manifest]:
    return engine.view(partial(records.read_manifests, wanted=versions))
