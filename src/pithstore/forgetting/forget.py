"""Forgetting, source by source, in transactions of bounded size."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from functools import partial

import attrs

from pithstore.engine import Engine, Update, View
from pithstore.errors import UsageError
from pithstore.forgetting.policy import DropBefore, KeepLast, Policy, dropped
from pithstore.forgetting.withdrawal import reach, read_history, withdraw
from pithstore.journal import without_compaction
from pithstore.loosening import BYTES_AT_ONCE, loosen_some
from pithstore.model import Source, Version
from pithstore.profile import Profile
from pithstore.references import Ref
from pithstore.report import Forgotten
from pithstore.resolve import resolve
from pithstore.survey import histories
from pithstore.tail import TailEnd

_VERSIONS_AT_ONCE = 4096

Told = Callable[[Sequence[Version]], None]
"""Is told versions of one source that are gone, or would be."""


def _is_clear(chosen: Chosen, _: object, policy: Policy | None) -> None:
    if (policy is None) == (not chosen.refs):
        raise UsageError("say which versions to forget: either references, or one rule (keep the last, or before)")
    if chosen.refs and chosen.sources:
        raise UsageError("references name their sources; leave out the sources, which are for a rule")
    for ref in chosen.refs:
        if ref.selector is None or ref.pointer:
            raise UsageError(f"{ref} names no version: write {ref.source}@ and which, as in {ref.source}@3")


@attrs.frozen
class Chosen:
    """What is to be forgotten: these versions, or what a rule drops of these sources; of all if none is named."""

    refs: tuple[Ref, ...] = ()
    sources: tuple[Source, ...] = ()
    policy: Policy | None = attrs.field(default=None, validator=_is_clear)

    def versions(self, engine: Engine) -> Iterator[list[Version]]:
        """The versions, source by source and by rising number; NotFound where one is named that is not there."""
        named = engine.view(partial(_resolved, refs=[*self.refs, *map(Ref, self.sources)]))
        if self.policy is None:
            yield from _by_source(named)
            return
        for only in dict.fromkeys(self.sources) or (None,):
            for history in histories(engine, only=only):
                if going := dropped(self.policy, history.versions):
                    yield going


def _resolved(view: View, refs: Sequence[Ref]) -> list[Version]:
    return [resolve(view, ref) for ref in refs]


def _by_source(named: Sequence[Version]) -> Iterator[list[Version]]:
    by_source: dict[Source, dict[int, Version]] = {}
    for version in named:
        by_source.setdefault(version.source, {})[version.number] = version
    for versions in by_source.values():
        yield [versions[number] for number in sorted(versions)]


def choose(
    refs: Collection[Ref], sources: Collection[Source], keep_last: int | None, before: datetime | None
) -> Chosen:
    """The choice that was asked for; UsageError where that is none or more than one."""
    if keep_last is not None and before is not None:
        raise UsageError("two rules were given; forget by one of them at a time: keep the last, or before")
    policy: Policy | None = None
    if keep_last is not None:
        policy = KeepLast(keep_last)
    elif before is not None:
        policy = DropBefore(before)
    return Chosen(tuple(refs), tuple(sources), policy)


def preview(engine: Engine, chosen: Chosen, told: Told) -> Forgotten:
    """What `forget` would come to now."""
    found = Forgotten(sources=0, versions=0)
    for going in chosen.versions(engine):
        told(going)
        found = Forgotten(sources=found.sources + 1, versions=found.versions + len(going))
    return found


def forget(engine: Engine, chosen: Chosen, profile: Profile, told: Told) -> Forgotten:
    """What was forgotten; others may go on reading and putting.

    What is forgotten before an error stays so.  StoreBusy where somebody compacts, collects or forgets already.
    """
    found, end = Forgotten(sources=0, versions=0), None
    with without_compaction(engine):
        for parts in _batches(engine, chosen.versions(engine)):
            while parts:
                done, end = engine.update(partial(_forget_some, parts=parts, end=end, profile=profile))
                for part in parts[:done]:
                    found = Forgotten(found.sources + part.is_first, found.versions + len(part.going))
                    told(part.going)
                parts = parts[done:]
    return found


@attrs.frozen
class _Part:
    """Versions of a source that go in one transaction; before they do it is loosened from number `reach` on.

    `is_first` tells whether they are the first of their source.
    """

    going: Sequence[Version]
    reach: int
    is_first: bool


def _batches(engine: Engine, going: Iterator[list[Version]]) -> Iterator[list[_Part]]:
    """Parts for one transaction, if their bytes are not too many: of one large source, or of many small ones."""
    batch: list[_Part] = []
    weight = 0
    for versions in going:
        history = engine.view(partial(read_history, source=versions[0].source))
        start = reach(history, [version.number for version in versions])
        for i in range(0, len(versions), _VERSIONS_AT_ONCE):
            if weight + len(history) > _VERSIONS_AT_ONCE and batch:
                yield batch
                batch, weight = [], 0
            batch.append(_Part(versions[i : i + _VERSIONS_AT_ONCE], start, is_first=i == 0))
            weight += len(history)
    if batch:
        yield batch


def _forget_some(
    update: Update, parts: Sequence[_Part], end: TailEnd | None, profile: Profile
) -> tuple[int, TailEnd | None]:
    """How many of the parts are forgotten, in order, and where the writer of loosened blobs goes on."""
    size = 0
    for done, part in enumerate(parts):
        source = part.going[0].source
        step = loosen_some(update, source, part.reach, end)
        end, size = step.end, size + step.bytes
        if not step.done:
            return done, end
        withdraw(update, source, [version.number for version in part.going], profile)
        if size >= BYTES_AT_ONCE:
            return done + 1, end
    return len(parts), end
