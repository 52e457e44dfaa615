"""What one builder changed against another, for the same sources in the same versions.

Every manifest of both is compared as it is stored, by its digests alone, so that millions of pairs take seconds.
Bodies are read for a sample that does not grow with the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeAlias

import attrs

from pithstore import manifests, records, versions
from pithstore.builders.comparison import BuilderComparison
from pithstore.builders.pair_tally import PairTally, Sample, SectionTally
from pithstore.builders.pointer_counts import Place, PointerTally, places
from pithstore.builders.section_comparison import MadeAlone, PairExample, SectionComparison
from pithstore.builders.walk import (
    BUILDER,
    Progress,
    SourcePayloads,
    builder_field,
    builder_name,
    payload_pages,
    read_builder_field,
)
from pithstore.diff.changes import Change
from pithstore.diff.compare import compare
from pithstore.diff.list_keys import ListKeys
from pithstore.digest import DIGEST_BYTES
from pithstore.engine import Engine, Item, View
from pithstore.errors import Damaged, NotFound, UsageError
from pithstore.horizon import OPEN, Horizon
from pithstore.model import Version
from pithstore.pointer import read_pointer, write_pointer
from pithstore.profile import PITH, Profile
from pithstore.references import Ref
from pithstore.selectors import ByNumber
from pithstore.survey import source_names

_MOST_PAIRS, _LEAST_PAIRS, _BODIES = 500, 10, 20_000  # sampled of one section at most and at least; of all at most
_POINTERS, _EXAMPLES = 100, 3
_MOST_OTHERS, _NEAR = 1000, 5  # builders that are remembered beside the two, and shown where one is unknown


def compare_builders(
    engine: Engine,
    before: str,
    after: str,
    horizon: Horizon = OPEN,
    profile: Profile = PITH,
    progress: Progress | None = None,
) -> BuilderComparison:
    """What builder `after` changed against builder `before`, of the source versions that both made.

    NotFound where one of them made nothing within the horizon; Damaged where a version, a manifest or a body of
    the sample is not what was stored.
    """
    if before == after:
        raise UsageError(f"{before!r} is given twice; give two builders, as 'pithstore builders' lists them")
    naming = _Naming.of(profile)
    pairing = _Pairing(before, after)
    tally: PairTally[_Pair] = PairTally(naming.section if naming.is_whole else None, _MOST_PAIRS)
    for page in payload_pages(engine, horizon, progress):
        if pairs := pairing.pairs(page):
            engine.view(partial(_add, tally=tally, pairs=pairs))
    pairing.check_known(horizon)
    return BuilderComparison(
        before=before,
        after=after,
        pairs=tally.pairs,
        same=tally.same,
        shared_sources=pairing.shared_sources,
        sections=tuple(_sections(engine, tally, naming, profile.list_keys)),
        only_before=engine.view(pairing.only_before.made_alone),
        only_after=engine.view(pairing.only_after.made_alone),
    )


@attrs.frozen
class _Naming:
    """Where a record names its builder; `section` is None where the profile has a constant for it."""

    section: str | None
    pointer: str

    @classmethod
    def of(cls, profile: Profile) -> _Naming:
        rule = profile.builder_version
        return cls(read_pointer(rule)[0] if rule.startswith("/") else None, rule)

    @property
    def is_whole(self) -> bool:
        """Whether the section is the name and nothing else."""
        return self.section is not None and self.pointer == write_pointer((self.section,))


_Pair: TypeAlias = "tuple[bytes, bytes, bytes, bytes, bytes]"
"""The key of a source, the keys of its two versions, and their snapshots."""


class _Pairing:
    """Finds the pairs, and counts what has no other half."""

    def __init__(self, before: str, after: str) -> None:
        self._before, self._after = builder_field(before), builder_field(after)
        self._others: set[bytes] = set()
        self.shared_sources = 0
        self.only_before, self.only_after = _Alone(), _Alone()

    def pairs(self, page: Iterable[SourcePayloads]) -> list[_Pair]:
        """The pairs of these sources."""
        found: list[_Pair] = []
        for source, items in page:
            before, after = self._made(items)
            if before.keys() != after.keys():
                self.only_before.add(source, before, after)
                self.only_after.add(source, after, before)
            self.shared_sources += bool(before and after)
            for source_version, (old, snapshot) in before.items():
                match = after.get(source_version)
                if match is not None:
                    found.append((source, old, match[0], snapshot, match[1]))
        return found

    def _made(self, items: Iterable[Item]) -> tuple[_Newest, _Newest]:
        """What each builder made of one source."""
        before: _Newest = {}
        after: _Newest = {}
        for key, payload in items:
            if payload.startswith(self._before, BUILDER):
                before[payload[BUILDER + len(self._before) :]] = (key, payload[:DIGEST_BYTES])
            elif payload.startswith(self._after, BUILDER):
                after[payload[BUILDER + len(self._after) :]] = (key, payload[:DIGEST_BYTES])
            elif len(self._others) < _MOST_OTHERS:
                self._others.add(read_builder_field(payload))
        return before, after

    def check_known(self, horizon: Horizon) -> None:
        """Return if both builders made something."""
        made = {
            self._before: self.shared_sources + self.only_before.sources,
            self._after: self.shared_sources + self.only_after.sources,
        }
        known = sorted(map(builder_name, {field for field, sources in made.items() if sources} | self._others))
        for field, sources in made.items():
            if not sources:
                raise NotFound(_unknown(builder_name(field), known, horizon))


_Newest: TypeAlias = "dict[bytes, tuple[bytes, bytes]]"
"""The newest version of each source version, by the canonical bytes of that: its key and its snapshot."""


def _unknown(builder: str, known: Sequence[str], horizon: Horizon) -> str:
    from difflib import get_close_matches  # few ask for what is not there

    near = get_close_matches(builder, known, n=_NEAR) or known[:_NEAR]
    more = "" if len(near) == len(known) else " and others"
    others = f"there are {', '.join(map(repr, near))}{more}" if known else "there are no versions"
    within = "" if horizon.is_open else f" ({horizon})"
    return f"no version was made by {builder!r}{within}; {others}; 'pithstore builders' lists the builders"


class _Alone:
    """What one builder made and the other did not, as it is counted."""

    def __init__(self) -> None:
        self.source_versions = self.sources = 0
        self._sample: Sample[tuple[bytes, bytes]] = Sample(_EXAMPLES)

    def add(self, source: bytes, mine: _Newest, theirs: _Newest) -> None:
        """Count what both made of one source."""
        self.sources += bool(mine and not theirs)
        for source_version, (key, snapshot) in mine.items():
            if source_version not in theirs:
                self.source_versions += 1
                self._sample.offer(snapshot, (source, key))

    def made_alone(self, view: View) -> MadeAlone:
        """The counts, with some examples."""
        sample = self._sample.items()
        sources = source_names(view, [source for source, _ in sample])
        numbers = [int.from_bytes(key[-4:], "big") for _, key in sample]
        refs = [Ref(source, ByNumber(number)) for source, number in zip(sources, numbers, strict=True)]
        return MadeAlone(self.source_versions, self.sources, tuple(refs))


def _add(view: View, tally: PairTally[_Pair], pairs: Sequence[_Pair]) -> None:
    """Give the tally the manifests of these pairs; Damaged names the version whose manifest is not sound."""
    try:
        wanted = [version for pair in pairs for version in ((pair[1], pair[3]), (pair[2], pair[4]))]
        recipes = manifests.payloads_many(view, wanted)
        for pair, old, new in zip(pairs, recipes[::2], recipes[1::2], strict=True):
            if old is None or new is None:
                raise Damaged("a manifest is not sound")
            tally.add(pair[3], pair, old, new)
    except Damaged:
        for pair in pairs:
            records.read_manifests(view, _versions(view, pair))
        raise


def _versions(view: View, pair: _Pair) -> tuple[Version, Version]:
    """The two versions of a pair."""
    (source,) = source_names(view, [pair[0]])
    before, after = versions.need_many(view, [(source, int.from_bytes(key[-4:], "big")) for key in pair[1:3]])
    return before, after


def _sections(
    engine: Engine, tally: PairTally[_Pair], naming: _Naming, keys: ListKeys
) -> Iterator[SectionComparison]:
    """The sections, the most often changed first, those that name the builder last."""
    counted = tally.sections
    chosen = _chosen(counted, naming)
    pointers = _pointers(engine, chosen, naming, keys)
    order = sorted(counted, key=lambda name: (name == naming.section, -counted[name].differing, name))
    for name in order:
        section, sample = counted[name], chosen.get(name, [])
        yield SectionComparison(
            section=name,
            pairs=section.pairs,
            changed=section.differing,
            added=section.added,
            removed=section.removed,
            sampled=len(sample),
            pointers=pointers[name].most_common(_POINTERS) if name in pointers else (),
            examples=tuple(engine.view(partial(_example, pair=pair)) for pair in sample[:_EXAMPLES]),
            names_builder=name == naming.section,
        )


def _chosen(counted: Mapping[str, SectionTally[_Pair]], naming: _Naming) -> dict[str, list[_Pair]]:
    """The pairs whose bodies are read, for each section that differs in more than the builder's name."""
    differing = {
        name: section
        for name, section in counted.items()
        if section.differing and not (naming.is_whole and name == naming.section)
    }
    limit = max(_LEAST_PAIRS, min(_MOST_PAIRS, _BODIES // max(1, len(differing))))
    return {name: section.sample.items()[:limit] for name, section in differing.items()}


def _pointers(
    engine: Engine, chosen: Mapping[str, Sequence[_Pair]], naming: _Naming, keys: ListKeys
) -> dict[str, PointerTally]:
    """Where the chosen pairs differ, by section; each pair is read once for all its sections."""
    wanted: dict[_Pair, list[str]] = {}
    for name, sample in chosen.items():
        for pair in sample:
            wanted.setdefault(pair, []).append(name)
    tallies = {name: PointerTally() for name in chosen}
    for pair, names in sorted(wanted.items()):
        for name, touched in engine.view(partial(_touched, pair=pair, names=names, keys=keys)):
            tallies[name].add({place: change for place, change in touched.items() if place[0] != naming.pointer})
    return tallies


def _touched(
    view: View, pair: _Pair, names: Sequence[str], keys: ListKeys
) -> list[tuple[str, dict[Place, Change]]]:
    """The places that differ in these sections of a pair."""
    diff = compare(view, *_versions(view, pair), names, keys)
    return [(section.name, places(section.changes, section.after)) for section in diff.sections]


def _example(view: View, pair: _Pair) -> PairExample:
    before, after = (Ref(version.source, ByNumber(version.number)) for version in _versions(view, pair))
    return PairExample(before, after)
