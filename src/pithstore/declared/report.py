"""What the ledger of declared digests says, and how it is made for a store that was written without one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

import attrs

from pithstore import journal, manifests, meta, records, tombstones
from pithstore.declared import entries as declared
from pithstore.declared.declarations import Declaration, Drift, Outcome, declarations, declaring_sections, outcomes
from pithstore.declared.entries import Declaring
from pithstore.declared.ledger import Tally, add, tally
from pithstore.engine import Engine, Item, Update, View
from pithstore.errors import Damaged
from pithstore.horizon import OPEN, Horizon
from pithstore.keys import OUTCOMES, RUN, source_slot
from pithstore.model import SectionEntry, Source, Version
from pithstore.packs.runs import read_run
from pithstore.profile import PITH, Profile, Verdict
from pithstore.survey import (
    Entries,
    index_pages,
    items_of_kind,
    outcome_items,
    page_behind,
    source_names,
    versions_of,
)


@attrs.frozen
class DeclaredReport:
    """How often each outcome was met, by section name in order; `state` says how much of the store is in it."""

    state: meta.LedgerState
    sections: Mapping[str, Tally]


@attrs.frozen
class Finding:
    """What became of the digest that one section of one version declares."""

    version: Version
    outcome: Outcome


@attrs.frozen
class Wanted:
    """Which findings are asked for: of one source, of one section, with one outcome; None asks for nothing."""

    source: Source | None = None
    section: str | None = None
    outcome: Verdict | Drift | None = None

    def holds(self, outcome: Outcome) -> bool:
        """Whether the outcome is wanted, whatever its source."""
        if self.section is not None and outcome.section != self.section:
            return False
        return self.outcome in (None, outcome.verdict, outcome.drift)


def declared_report(engine: Engine, horizon: Horizon = OPEN) -> DeclaredReport:
    """The ledger; of the whole store it was counted at ingest, within a horizon it is counted now."""
    state = engine.view(meta.read_ledger_state)
    if horizon.is_open:
        return DeclaredReport(state, dict(sorted(engine.view(declared.read_ledger).items())))
    found = findings(engine, Wanted(), horizon)
    return DeclaredReport(state, dict(sorted(tally(finding.outcome for finding in found).items())))


def findings(engine: Engine, wanted: Wanted, horizon: Horizon = OPEN) -> Iterator[Finding]:
    """The findings that are asked for, by source, number and section.

    Drift is told since the version before within the horizon.  Sections are read only of sources where that is
    not the version before it in the store.
    """
    profile = PITH if horizon.is_open else engine.view(meta.read_configuration).profile
    for page in index_pages(engine, wanted.source):
        for finding in engine.view(partial(_findings, page=page, horizon=horizon, profile=profile)):
            if wanted.holds(finding.outcome):
                yield finding


def _findings(view: View, page: Sequence[Entries], horizon: Horizon, profile: Profile) -> list[Finding]:
    told = [(key, items) for key, items in page if _tells(items)]
    sources = source_names(view, [key for key, _ in told])
    found: list[Finding] = []
    for source, (_, items) in zip(sources, told, strict=True):
        numbered = list(versions_of(source, items))
        held = [version for version in numbered if horizon.holds(version)]
        if held == numbered[: len(held)]:
            found += _noted(view, held, _outcomes(source, items))
        else:
            found += _counted(view, held, profile)
    return found


def _tells(items: Sequence[Item]) -> bool:
    """Whether the ledger may say anything of the source that has these entries."""
    try:
        return next(outcome_items(items), None) is not None
    except Damaged:  # to be named by whoever reads it
        return True


def _outcomes(source: Source, items: Sequence[Item]) -> dict[int, bytes]:
    """What the ledger says of the versions of a source, by number."""
    packed = [read_run(source, item) for item in items_of_kind(items, RUN)]
    told = {run.number(row): run.outcomes(row) for run in packed for row in range(run.count)}
    for item in items_of_kind(items, OUTCOMES):
        told[int.from_bytes(item[0][-4:], "big")] = declared.unseal_outcomes(source, item)
    return told


def _noted(view: View, held: Sequence[Version], told: Mapping[int, bytes]) -> Iterator[Finding]:
    """The findings of these versions of a source, of which the ledger says this."""
    noted = [version for version in held if told.get(version.number)]
    for version, recipe in zip(noted, manifests.digests_of(view, noted), strict=True):
        if recipe is None:
            records.read_manifest(view, version)  # says what is damaged
        for outcome in declared.read_outcomes(version, recipe or {}, told[version.number]):
            yield Finding(version, outcome)


def _counted(view: View, held: Sequence[Version], profile: Profile) -> Iterator[Finding]:
    for each, told in _declared_by(view, held, profile):
        for outcome in told:
            yield Finding(each.version, outcome)


def rebuild_ledger(engine: Engine, profile: Profile, progress: Callable[[int], None]) -> None:
    """Make the ledger say what it would say had it been kept from the first version on, whatever it says now.

    Others may go on writing; an interrupted rebuild can be done again.  `progress` is told how many versions more
    are done.  Damaged where a version cannot be read.
    """
    engine.update(_begin)
    while (done := engine.update(partial(_count_page, profile=profile))) is not None:
        progress(done)


def _begin(update: Update) -> None:
    journal.end(update)
    declared.forget_ledgers(update)
    meta.keep_ledger(update, b"")


def _count_page(update: Update, profile: Profile) -> int | None:
    """How many versions more are in the ledger; None where all are.

    The sources of one page are done in one transaction, with which they come under the frontier: a put of one of
    them is entered by this or by the put itself, never by both.
    """
    journal.end(update)  # what is written here, a compaction may have passed already
    frontier = meta.ledger_frontier(update)
    page = [] if frontier is None else page_behind(update, frontier)
    if not page:
        meta.keep_ledger(update, None)
        return None
    names = source_names(update, [key for key, _ in page])
    gains: dict[int, dict[str, Tally]] = {}
    done = 0
    for source, (_, items) in zip(names, page, strict=True):
        found = _count_source(update, source, items, profile)
        if counts := tally(outcome for _, told in found for outcome in told):
            slot = source_slot(source)
            gains[slot] = add(gains.get(slot, {}), counts)
        done += len(found)
    declared.add_to_ledgers(update, gains)
    meta.keep_ledger(update, page[-1][0])
    return done


def _count_source(
    update: Update, source: Source, items: Sequence[Item], profile: Profile
) -> list[tuple[Declaring, tuple[Outcome, ...]]]:
    """What became of the declarations of all versions of a source, written in place of what was said of them."""
    found = list(_declared_by(update, versions_of(source, items), profile))
    declared.write_outcomes(update, source, [key for key, _ in items_of_kind(items, OUTCOMES)], found)
    return found


def _declared_by(
    view: View, held: Iterable[Version], profile: Profile
) -> Iterator[tuple[Declaring, tuple[Outcome, ...]]]:
    """What became of the declarations of these versions, of one source; a section is read when it is another."""
    before: declared.Declarations = ()
    known: dict[SectionEntry, Declaration | None] = {}
    for version in held:
        manifest = records.read_manifest(view, version)
        gone = tombstones.find(view, [entry.digest for entry in manifest.sections])
        unknown = [entry for entry in manifest.sections if entry not in known and entry.digest not in gone]
        bodies = dict(
            zip([entry.name for entry in unknown], records.read_sections(view, version, unknown), strict=True)
        )
        told = {each.section: each for each in declarations(declaring_sections(bodies), bodies, profile)}
        known = {entry: known[entry] if entry in known else told.get(entry.name) for entry in manifest.sections}
        now = tuple(each for each in known.values() if each is not None)
        yield Declaring(version, manifest, now), outcomes(before, now)
        before = now
