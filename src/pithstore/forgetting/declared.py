"""The ledger of declared digests, made to say what it would say had some versions of a source never been."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from pithstore import meta, records, tombstones
from pithstore.declared.declarations import declarations, declaring_sections, outcomes
from pithstore.declared.entries import Declarations, add_to_ledgers, read_outcomes, unseal_outcomes
from pithstore.declared.ledger import Tally, add, encode_declarations, encode_outcomes, tally
from pithstore.engine import Update, View
from pithstore.keys import VERSIONS, outcomes_key, source_key, source_slot, standing_key
from pithstore.model import Manifest, Source, Version
from pithstore.profile import Profile
from pithstore.seal import seal, seal_many


def withdraw_outcomes(
    update: Update, gone: Mapping[Version, Manifest], history: Sequence[Version], profile: Profile
) -> None:
    """Take the outcomes of versions away that are going, and tell those of the versions behind them anew.

    `history` has all versions of their source, by rising number; none of them that changes here is in a run.
    While the ledger is being counted, a source that is still to come is left to that.
    """
    source = history[0].source
    if not meta.keeps_ledger(update):
        return
    frontier = meta.ledger_frontier(update)
    if frontier is not None and source_key(source) > frontier:
        update.delete_many(VERSIONS, [outcomes_key(source, version.number) for version in gone])
        return
    behind = list(_pairs(history, gone))
    change = _told(update, [*gone.items()], -1)
    recipes = records.read_manifests(update, [after for _, after in behind])
    followers = list(zip([after for _, after in behind], recipes, strict=True))
    change = add(change, _told(update, followers, -1))
    _tell_anew(update, behind, recipes, profile)
    change = add(change, _told(update, followers, 1))
    update.delete_many(VERSIONS, [outcomes_key(source, version.number) for version in gone])
    add_to_ledgers(update, {source_slot(source): change})
    if history[-1] in gone:
        left = [version for version in history if version not in gone]
        _write_standing(update, source, _declared_by(update, left[-1], profile) if left else ())


def _pairs(
    history: Sequence[Version], gone: Mapping[Version, Manifest]
) -> Iterator[tuple[Version | None, Version]]:
    """Each version that is left, and stood behind one that is going, with the one that it stands behind now."""
    left = [version for version in history if version not in gone]
    before = {after.number: earlier.number for earlier, after in pairwise(history)}
    for earlier, after in zip([None, *left], left, strict=False):
        if before.get(after.number) != (None if earlier is None else earlier.number):
            yield earlier, after


def _told(view: View, versions: Sequence[tuple[Version, Manifest]], sign: int) -> dict[str, Tally]:
    """What the ledger counts of these versions, by the outcomes that are entered now; `sign` -1 takes it away."""
    keys = [outcomes_key(version.source, version.number) for version, _ in versions]
    total: dict[str, Tally] = {}
    for (version, manifest), key, value in zip(versions, keys, view.get_many(VERSIONS, keys), strict=True):
        if value is not None:
            names = [section.name for section in manifest.sections]
            payload = unseal_outcomes(version.source, (key, value))
            once = tally(read_outcomes(version, names, payload))
            total = add(total, {name: row.times(sign) for name, row in once.items()})
    return total


def _tell_anew(
    update: Update,
    behind: Sequence[tuple[Version | None, Version]],
    recipes: Sequence[Manifest],
    profile: Profile,
) -> None:
    """Enter what became of the declarations of versions that stand behind others than before."""
    told: dict[bytes, bytes] = {}
    for (earlier, after), manifest in zip(behind, recipes, strict=True):
        known = () if earlier is None else _declared_by(update, earlier, profile)
        now = _declared_by(update, after, profile)
        told[outcomes_key(after.source, after.number)] = encode_outcomes(outcomes(known, now), manifest)
    update.delete_many(VERSIONS, [key for key, payload in told.items() if not payload])
    update.put_many(VERSIONS, seal_many(VERSIONS, ((key, payload) for key, payload in told.items() if payload)))


def _declared_by(view: View, version: Version, profile: Profile) -> Declarations:
    manifest = records.read_manifest(view, version)
    gone = tombstones.find(view, [section.digest for section in manifest.sections])
    left = [section for section in manifest.sections if section.digest not in gone]
    bodies = dict(zip([each.name for each in left], records.read_sections(view, version, left), strict=True))
    return declarations(declaring_sections(bodies), bodies, profile)


def _write_standing(update: Update, source: Source, now: Declarations) -> None:
    key = standing_key(source)
    if now:
        update.put_many(VERSIONS, [(key, seal(VERSIONS, key, encode_declarations(now)))])
    else:
        update.delete_many(VERSIONS, [key])
