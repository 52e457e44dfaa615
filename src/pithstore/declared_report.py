"""What the ledger of declared digests says, and how it is made for a store that was written without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import attrs

from pithstore import declared, manifests, meta, records
from pithstore.declarations import Drift, Outcome, declarations, declaring_sections, outcomes
from pithstore.declared import Declaring
from pithstore.engine import Engine, Item, Update, View
from pithstore.horizon import OPEN, Horizon
from pithstore.keys import OUTCOMES, source_slot
from pithstore.ledger import Tally, tally
from pithstore.model import Source, Version
from pithstore.profile import Profile, Verdict
from pithstore.survey import (
    Entries,
    histories,
    index_pages,
    items_of_kind,
    source_entries,
    source_names,
    version_items,
)
from pithstore.versions import read_version


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
    """The findings that are asked for, by source, number and section; no blob is read."""
    for page in index_pages(engine, wanted.source):
        for finding in engine.view(partial(_findings, page=page)):
            if horizon.holds(finding.version) and wanted.holds(finding.outcome):
                yield finding


def _findings(view: View, page: Sequence[Entries]) -> list[Finding]:
    told = [(key, items) for key, items in page if next(items_of_kind(items, OUTCOMES), None)]
    sources = source_names(view, [key for key, _ in told])
    return [
        finding
        for source, (_, items) in zip(sources, told, strict=True)
        for finding in _of_source(view, source, items)
    ]


def _of_source(view: View, source: Source, items: Sequence[Item]) -> Iterator[Finding]:
    entries = {item[0][-4:]: item for item in items_of_kind(items, OUTCOMES)}
    told = [read_version(source, item) for item in version_items(items) if item[0][-4:] in entries]
    recipes = manifests.digests_many(view, [version.snapshot for version in told])
    for version, recipe in zip(told, recipes, strict=True):
        if recipe is None:
            records.read_manifest(view, version)  # says what is damaged
        item = entries[version.number.to_bytes(4, "big")]
        for outcome in declared.read_outcomes(version, recipe or {}, item):
            yield Finding(version, outcome)


def rebuild_ledger(engine: Engine, profile: Profile, progress: Callable[[int], None]) -> None:
    """Make the ledger say what it would say had it been kept from the first version on.

    Others may go on writing; an interrupted rebuild can be done again.  `progress` is told how many versions more
    are done.  Damaged where a version cannot be read: its source is left as it was.
    """
    engine.update(lambda update: meta.keep_ledger(update, "partial"))
    for history in histories(engine):
        engine.update(partial(_rebuild, source=history.source, profile=profile))
        progress(len(history.versions))
    engine.update(lambda update: meta.keep_ledger(update, "complete"))


def _rebuild(update: Update, source: Source, profile: Profile) -> None:
    """Enter all versions of a source anew: what is there now is taken out of the counts first."""
    entries, slot = source_entries(update, source), source_slot(source)
    old = tally(finding.outcome for finding in _of_source(update, source, entries))
    found = list(_declared_by(update, source, entries, profile))
    declared.write_outcomes(update, source, found)
    new = tally(outcome for _, told in found for outcome in told)
    declared.change_ledgers(update, {slot: new}, {slot: old})


def _declared_by(
    view: View, source: Source, items: Sequence[Item], profile: Profile
) -> Iterator[tuple[Declaring, tuple[Outcome, ...]]]:
    before: declared.Declarations = ()
    for item in version_items(items):
        version = read_version(source, item)
        manifest = records.read_manifest(view, version)
        names = [entry.name for entry in manifest.sections]
        bodies = dict(zip(names, records.read_sections(view, version, manifest.sections), strict=True))
        now = declarations(declaring_sections(bodies), bodies, profile)
        yield Declaring(version, manifest, now), outcomes(before, now)
        before = now
