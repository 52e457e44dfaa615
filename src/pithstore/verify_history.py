"""The part of verify that walks the index: source by source, both ways, every version rebuilt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import attrs

from pithstore import manifests, records, versions
from pithstore.canonical import decode, join
from pithstore.codec import Head, LineHead, decode_head
from pithstore.counts import Totals
from pithstore.digest import Digest
from pithstore.engine import Engine, Item, View
from pithstore.errors import Damaged, InvalidRecord
from pithstore.fingerprint import fingerprint
from pithstore.keys import (
    HEAD,
    LINE,
    OUTCOMES,
    SLOTS,
    SOURCES,
    STANDING,
    TIME,
    VERSION,
    VERSIONS,
    line_key,
    source_slot,
    split_key,
    time_key,
)
from pithstore.meta import keeps_whole_ledger
from pithstore.model import Line, Manifest, Source, Version
from pithstore.profile import Profile, identify
from pithstore.report import Problem
from pithstore.seal import unseal
from pithstore.sources import read_source
from pithstore.survey import index_pages, items_of_kind
from pithstore.verify_declared import DeclaredCheck

_PAGE = 2048
_BYTES_AT_ONCE = 8 * 1024 * 1024


class HistoryCheck:
    """Walks the space of versions; says each problem and counts what the totals should say."""

    def __init__(
        self,
        engine: Engine,
        profile: Profile,
        found: Callable[[Problem], None],
        advance: Callable[[int], None],
    ) -> None:
        self._engine = engine
        self._profile = profile
        self._found = found
        self._advance = advance
        self.versions = 0
        self.slots = [Totals()] * SLOTS
        self.declared = DeclaredCheck(profile, found) if engine.view(keeps_whole_ledger) else None

    def run(self) -> None:
        """Check every source, from its entries to its name and from its name to its entries."""
        for page in index_pages(self._engine):
            keys = [key for key, _ in page]
            names = self._engine.view(partial(_names, keys=keys))
            for (key, items), name in zip(page, names, strict=True):
                self._check_history(key, items, name)
        self._check_sources()

    def _check_history(self, key: bytes, items: Sequence[Item], name: bytes | None) -> None:
        try:
            if name is None:
                raise Damaged(f"the source of key {key[:80].hex()} is missing, and {len(items)} entries name it")
            source = read_source((key, name))
        except Damaged as error:
            self._found(Problem("source-damaged", str(error)))
            return
        history = _read_history(source, items, self._found)
        for problem in _inconsistencies(source, history):
            self._found(problem)
        if self.declared is not None:
            self.declared.begin(source, items)
            if len(history.versions) < sum(1 for _ in items_of_kind(items, VERSION)):
                self.declared.skip()
        said = {head.number: head.sections for head in history.lines.values()}
        self._rebuild(source, history.versions, said)
        if self.declared is not None:
            self.declared.end()

    def _check_sources(self) -> None:
        after: bytes | None = None
        while True:
            page = self._engine.view(partial(_sources_without_head, after=after))
            if page is None:
                return
            after, lonely = page
            for message in lonely:
                self._found(Problem("source-empty", message))

    def _rebuild(self, source: Source, all_versions: Sequence[Version], said: Mapping[int, int]) -> None:
        """Check every version; `said` is how many sections some have, by number, by the heads of their lines."""
        slot = source_slot(source)
        self.slots[slot] = self.slots[slot].plus(Totals(sources=1))
        for start in range(0, len(all_versions), _PAGE):
            chunk = all_versions[start : start + _PAGE]
            recipes = self._engine.view(partial(manifests.get_many, wanted=chunk))
            for version, recipe in zip(chunk, recipes, strict=True):
                if recipe is not None and said.get(version.number, len(recipe.sections)) != len(recipe.sections):
                    message = f"{source}: the head of builder {version.builder_version!r} miscounts its sections"
                    self._found(Problem("line-wrong", message, source, version.number))
            for group in _groups(chunk, recipes):
                self._rebuild_group(group)
            self.versions += len(chunk)
            self._advance(len(chunk))

    def _rebuild_group(self, group: Sequence[tuple[Version, Manifest | None]]) -> None:
        digests = [section.digest for _, recipe in group if recipe is not None for section in recipe.sections]
        distinct = list(dict.fromkeys(digests))
        bodies = dict(
            zip(distinct, self._engine.view(lambda view: records.read_bodies(view, distinct)), strict=True)
        )
        for version, recipe in group:
            if recipe is None:
                message = f"{version.source} version {version.number}: its manifest is damaged or missing"
                self._found(_problem("manifest-missing", message, version, digest=str(version.snapshot)))
                if self.declared is not None:
                    self.declared.skip()
                self._count(version, Manifest(()), 0)
            else:
                self._check_version(version, recipe, [bodies[section.digest] for section in recipe.sections])

    def _check_version(self, version: Version, recipe: Manifest, bodies: Sequence[bytes]) -> None:
        names = [section.name for section in recipe.sections]
        pieces = list(join(zip(names, bodies, strict=True)))
        if Digest.of(*pieces) == version.snapshot:
            named = dict(zip(names, bodies, strict=True))
            self._check_identity(version, named)
            if self.declared is not None:
                self.declared.check(version, recipe, named)
        else:
            if self.declared is not None:
                self.declared.skip()
            for problem in _section_problems(version, recipe, bodies):
                self._found(problem)
        self._count(version, recipe, sum(map(len, pieces)))

    def _count(self, version: Version, recipe: Manifest, size: int) -> None:
        slot = source_slot(version.source)
        gain = Totals(
            versions=1, sections=len(recipe.sections), canonical_bytes=size, fingerprint=fingerprint(version)
        )
        self.slots[slot] = self.slots[slot].plus(gain)

    def _check_identity(self, version: Version, bodies: dict[str, bytes]) -> None:
        """What the record says of itself must be what its key says."""
        needed = {name: decode(bodies[name]) for name in self._profile.sections() if name in bodies}
        try:
            said = identify(needed, self._profile)
        except InvalidRecord as error:
            message = f"{version.source} version {version.number}: {error}"
            self._found(_problem("identity-mismatch", message, version))
            return
        key = (Line(version.source, version.builder_version), repr(version.source_version))
        if (said.line, repr(said.source_version)) != key:
            message = (
                f"{version.source} version {version.number}: the record says {said.line.source}, source version "
                f"{said.source_version!r}, builder {said.line.builder_version!r}, and its key something else"
            )
            self._found(_problem("identity-mismatch", message, version))


@attrs.frozen
class _History:
    """The sound entries of one source."""

    head: Head | None
    versions: list[Version]
    lines: dict[bytes, LineHead]
    times: set[bytes]


def _names(view: View, keys: Sequence[bytes]) -> list[bytes | None]:
    return view.get_many(SOURCES, keys)


def _read_history(source: Source, items: Sequence[Item], found: Callable[[Problem], None]) -> _History:
    head: Head | None = None
    all_versions: list[Version] = []
    lines: dict[bytes, LineHead] = {}
    times: set[bytes] = set()
    for key, value in items:
        kind = split_key(key)[1]
        try:
            if kind == HEAD:
                head = decode_head(unseal(VERSIONS, key, value))
            elif kind == VERSION:
                all_versions.append(versions.read_version(source, (key, value)))
            elif kind == LINE:
                lines[key] = versions.read_line_head(source, (key, value))
            elif kind not in (OUTCOMES, STANDING):  # those are for DeclaredCheck
                unseal(VERSIONS, key, value)
                times.add(key)
        except Damaged as error:
            number = int.from_bytes(key[-4:], "big") if kind in (VERSION, TIME) else None
            found(Problem(f"{_KINDS.get(kind, 'entry')}-damaged", str(error), source, number))
    return _History(head, all_versions, lines, times)


_KINDS = {HEAD: "head", VERSION: "version", LINE: "line", TIME: "time"}


def _inconsistencies(source: Source, history: _History) -> Iterator[Problem]:
    """Where the versions of a source and its other entries do not name each other."""
    newest = {version.builder_version: version for version in history.versions}
    lines = {line_key(Line(source, builder)): version for builder, version in newest.items()}
    for key in sorted(lines.keys() | history.lines.keys()):
        version, head = lines.get(key), history.lines.get(key)
        if version is None or head is None or _named(version) != _named(head):
            one = version or history.lines[key]
            message = f"{source}: the head of builder {one.builder_version!r} is not its newest version"
            yield Problem("line-wrong", message, source, one.number)
    yield from _time_inconsistencies(source, history)
    last = max((version.number for version in history.versions), default=0)
    if history.head is None or history.head.number < last:
        yield Problem("head-wrong", f"{source}: its head is missing or behind version {last}", source, last)


def _named(one: Version | LineHead) -> tuple[str, int, Digest]:
    return one.builder_version, one.number, one.snapshot


def _time_inconsistencies(source: Source, history: _History) -> Iterator[Problem]:
    times = {
        time_key(Line(source, version.builder_version), version.observed_at, version.number): version
        for version in history.versions
    }
    for key in sorted(times.keys() ^ history.times):
        number = int.from_bytes(key[-4:], "big")
        what = "is missing" if key in times else "belongs to no version"
        yield Problem("time-wrong", f"{source} version {number}: an entry by time {what}", source, number)


def _section_problems(version: Version, recipe: Manifest, bodies: Sequence[bytes]) -> Iterator[Problem]:
    name = f"{version.source} version {version.number}"
    damaged = [
        section for section, body in zip(recipe.sections, bodies, strict=True) if Digest.of(body) != section.digest
    ]
    for section in damaged:
        message = f"{name}: section {section.name!r} (blob {section.digest}) is damaged or missing"
        yield _problem("section-damaged", message, version, section.name, str(section.digest))
    if not damaged:
        message = f"{name}: its sections do not add up to snapshot {version.snapshot}"
        yield _problem("snapshot-mismatch", message, version, digest=str(version.snapshot))


def _problem(
    code: str, message: str, version: Version, section: str | None = None, digest: str | None = None
) -> Problem:
    return Problem(code, message, version.source, version.number, section, digest)


def _groups(
    chunk: Sequence[Version], recipes: Sequence[Manifest | None]
) -> Iterator[list[tuple[Version, Manifest | None]]]:
    """The versions with their recipes, in groups whose records fit in memory together."""
    group: list[tuple[Version, Manifest | None]] = []
    size = 0
    for version, recipe in zip(chunk, recipes, strict=True):
        group.append((version, recipe))
        size += sum(section.size for section in recipe.sections) if recipe is not None else 0
        if size >= _BYTES_AT_ONCE:
            yield group
            group, size = [], 0
    if group:
        yield group


def _sources_without_head(view: View, after: bytes | None) -> tuple[bytes, list[str]] | None:
    """The last key of a page of sources, and what to say of those that have no entry; None at the end."""
    items = view.scan(SOURCES, after=after, limit=_PAGE)
    if not items:
        return None
    known = view.has_many(VERSIONS, [key + HEAD for key, _ in items])
    lonely = [
        f"the source of key {key[:80].hex()} has no head"
        for (key, _), has in zip(items, known, strict=True)
        if not has
    ]
    return items[-1][0], lonely
