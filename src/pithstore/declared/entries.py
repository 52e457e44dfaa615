"""The ledger of declared digests as it is kept: written with each version, counted in 64 slots.

Beside its versions a source has the outcomes of each, and what its newest version declared.  A source whose
records declare nothing has neither.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import attrs

from pithstore import meta
from pithstore.declared.declarations import Declaration, Outcome
from pithstore.declared.ledger import (
    Ledger,
    Tally,
    add,
    decode_declarations,
    decode_ledger,
    decode_outcomes,
    encode_changes,
    encode_declarations,
    encode_ledger,
    encode_outcomes,
    tally_codes,
)
from pithstore.engine import Item, Update, View
from pithstore.errors import Damaged
from pithstore.keys import (
    SLOTS,
    TOTALS,
    VERSIONS,
    ledger_key,
    outcomes_key,
    source_key,
    source_slot,
    standing_key,
)
from pithstore.model import Manifest, Source, Version
from pithstore.packs import runs
from pithstore.seal import seal_many, unseal

Declarations = tuple[Declaration, ...]

_LATELY = 8192
_lately: dict[bytes, tuple[bytes, Declarations]] = {}
"""What was written lately, by key, with its entry: the next version of a source asks for it."""

_MEND = "'pithstore declared --rebuild' counts anew"
_NO_TALLY = Tally()


@attrs.frozen
class Declaring:
    """A version, its recipe, and what its sections declare."""

    version: Version
    manifest: Manifest
    declarations: Declarations


def note(update: Update, new: Sequence[Declaring]) -> None:
    """Enter new versions in the ledger; those of a source come by rising number.

    While the ledger is being counted, sources that are still to come are left to that.
    """
    frontier = meta.ledger_frontier(update)
    if frontier is not None:
        new = [each for each in new if source_key(each.version.source) <= frontier]
    sources = {source_key(each.version.source): each.version.source for each in new}
    before = dict(zip(sources, read_standing(update, list(sources.values())), strict=True))
    standing = dict(before)
    entries: list[Item] = []
    gains: dict[int, dict[tuple[Sequence[str], bytes], int]] = {}
    for each in new:
        source = each.version.source
        key = source_key(source)
        names = tuple([section.name for section in each.manifest.sections])
        told = encode_changes(standing[key], each.declarations, names)
        standing[key] = each.declarations
        if told:
            counts = gains.setdefault(source_slot(source), {})
            counts[names, told] = counts.get((names, told), 0) + 1
            entries.append((outcomes_key(source, each.version.number), told))
    _write_standing(update, {sources[key]: now for key, now in standing.items() if now != before[key]})
    update.put_many(VERSIONS, seal_many(VERSIONS, entries))
    add_to_ledgers(update, {slot: _ledger_of(counted) for slot, counted in gains.items()})


def _ledger_of(counted: Mapping[tuple[Sequence[str], bytes], int]) -> Ledger:
    """The ledger of versions with these sections and outcomes, each so often: few are told apart."""
    told: dict[str, Counter[int]] = {}
    for (names, codes), count in counted.items():
        for name, code in zip(names, codes, strict=False):
            if code:
                told.setdefault(name, Counter())[code] += count
    return {name: tally_codes(counts) for name, counts in told.items()}


def read_standing(view: View, sources: Sequence[Source]) -> list[Declarations]:
    """What the newest version of each source declared."""
    keys = [standing_key(source) for source in sources]
    values = zip(sources, keys, view.get_many(VERSIONS, keys), strict=True)
    return [() if value is None else _standing(source, key, value) for source, key, value in values]


def _standing(source: Source, key: bytes, value: bytes) -> Declarations:
    written = _lately.get(key)
    if written is not None and written[0] == value:
        return written[1]
    try:
        return decode_declarations(unseal(VERSIONS, key, value))
    except Damaged as error:
        raise Damaged(f"{source}: what it declared last is damaged ({error}); {_MEND}") from None


def _write_standing(update: Update, standing: Mapping[Source, Declarations]) -> None:
    update.delete_many(VERSIONS, [standing_key(source) for source, now in standing.items() if not now])
    left = {standing_key(source): now for source, now in standing.items() if now}
    entries = seal_many(VERSIONS, ((key, encode_declarations(now)) for key, now in left.items()))
    update.put_many(VERSIONS, entries)
    if len(_lately) > _LATELY:
        _lately.clear()
    _lately.update((key, (entry, left[key])) for key, entry in entries)


def unseal_outcomes(source: Source, item: Item) -> bytes:
    """The outcomes in an entry, encoded; Damaged names the version."""
    key, value = item
    try:
        return unseal(VERSIONS, key, value)
    except Damaged as error:
        raise _damaged(source, int.from_bytes(key[-4:], "big"), error) from None


def read_outcomes(version: Version, names: Iterable[str], payload: bytes) -> tuple[Outcome, ...]:
    """The outcomes of a version that are encoded so; Damaged names the version."""
    try:
        return decode_outcomes(payload, names)
    except Damaged as error:
        raise _damaged(version.source, version.number, error) from None


def _damaged(source: Source, number: int, error: Damaged) -> Damaged:
    what = f"{source} version {number}: its entry in the ledger of declared digests"
    return Damaged(f"{what} is damaged ({error}); {_MEND}")


def write_outcomes(
    update: Update, source: Source, old: Iterable[bytes], found: Sequence[tuple[Declaring, tuple[Outcome, ...]]]
) -> None:
    """Write the outcomes of all versions of a source in place of these keys, and what the last one declares."""
    encoded = {each.version.number: encode_outcomes(told, each.manifest) for each, told in found if told}
    packed = runs.write_outcomes(update, source, encoded)
    update.delete_many(VERSIONS, old)
    entries = [(outcomes_key(source, number), told) for number, told in encoded.items() if number > packed]
    update.put_many(VERSIONS, seal_many(VERSIONS, entries))
    _write_standing(update, {source: found[-1][0].declarations if found else ()})


def read_ledger(view: View) -> dict[str, Tally]:
    """The ledger of the whole store: the sum of its slots."""
    total: dict[str, Tally] = {}
    for ledger in read_ledgers(view):
        total = add(total, ledger)
    return total


def read_ledgers(view: View) -> list[dict[str, Tally]]:
    """The ledger of each of the 64 slots; Damaged names the slot."""
    return _read_slots(view, range(SLOTS))


def _read_slots(view: View, slots: Sequence[int]) -> list[dict[str, Tally]]:
    keys = [ledger_key(slot) for slot in slots]
    values = zip(slots, keys, view.get_many(TOTALS, keys), strict=True)
    return [{} if value is None else _ledger(slot, key, value) for slot, key, value in values]


def _ledger(slot: int, key: bytes, value: bytes) -> dict[str, Tally]:
    try:
        return decode_ledger(unseal(TOTALS, key, value))
    except Damaged as error:
        raise Damaged(f"slot {slot} of the ledger of declared digests is damaged ({error}); {_MEND}") from None


def add_to_ledgers(update: Update, gains: Mapping[int, Ledger]) -> None:
    """Add to the slots, which may be to take away; Damaged where that is more than a slot says."""
    slots = sorted(gains)
    entries = [
        (ledger_key(slot), encode_ledger(_sum(slot, ledger, gains[slot])))
        for slot, ledger in zip(slots, _read_slots(update, slots), strict=True)
    ]
    update.put_many(TOTALS, seal_many(TOTALS, entries))


def _sum(slot: int, ledger: Ledger, gain: Ledger) -> Ledger:
    total = {name: row for name, row in add(ledger, gain).items() if row != _NO_TALLY}
    if any(count < 0 for name in gain if name in total for count in attrs.astuple(total[name])):
        raise Damaged(f"slot {slot} of the ledger of declared digests says less than there was; {_MEND}")
    return total


def forget_ledgers(update: Update) -> None:
    """Set every slot to nothing, whatever it says."""
    update.delete_many(TOTALS, map(ledger_key, range(SLOTS)))
