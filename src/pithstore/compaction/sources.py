"""What the sources of one page of the index become: runs that stay as they are, and versions for new runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import attrs

from pithstore import blobs, manifests
from pithstore.codec import LineHead, Place, decode_manifest
from pithstore.compaction.lasting import lasting_entries
from pithstore.digest import Digest
from pithstore.engine import Item, View
from pithstore.errors import Damaged
from pithstore.keys import LINE, OUTCOMES, RUN, VERSION, VERSIONS, source_mark
from pithstore.model import Manifest, Source
from pithstore.packs.frames import read_packed
from pithstore.packs.packing import FRAME_BYTES, RUN_VERSIONS, Plan, plan
from pithstore.packs.rebuild import recipes
from pithstore.packs.run import Run
from pithstore.packs.run_rows import BareRow, bare_row, read_made, write_run
from pithstore.packs.runs import read_run
from pithstore.records import sound_frame
from pithstore.seal import unseal
from pithstore.survey import Entries, source_names
from pithstore.versions import read_line_head, read_version


@attrs.frozen
class Packing:
    """Which sources are left out, by their keys; and whether all frames are opened, and none stays as it is."""

    left_out: Collection[bytes] = frozenset()
    anew: bool = False


@attrs.frozen
class Kept:
    """A run that stays, with its frame, and where that lies."""

    key: bytes
    run: bytes
    position: int


@attrs.frozen
class Parcel:
    """Versions of one source that become one run, as it is encoded for a frame at position 0.

    With it is all that the frame needs but the bodies of its sections: `bodies` are those that have been read
    already, `places` says where others lie in the tail.
    """

    key: bytes
    run: bytes
    manifests: Sequence[Manifest]
    plan: Plan
    bodies: Mapping[Digest, bytes]
    places: Mapping[Digest, Place]


@attrs.frozen
class Dense:
    """What a source becomes: its name, its entries that stay as they are, and its runs by rising number."""

    key: bytes
    source: Source
    entries: Sequence[Item]
    runs: Sequence[Kept | Parcel]


@attrs.frozen
class _Stretch:
    """Versions that are to be packed, by rising number; of the first ones the manifests have been read already."""

    rows: list[BareRow] = attrs.field(factory=list)
    opened: list[Manifest] = attrs.field(factory=list)

    @property
    def unread(self) -> list[BareRow]:
        """Those whose manifests have not been read."""
        return self.rows[len(self.opened) :]


@attrs.frozen
class _Loose:
    """What a source has, by rising number: runs that stay, and between them what is to be packed."""

    source: Source
    key: bytes
    runs: list[Kept | _Stretch] = attrs.field(factory=list)
    heads: dict[str, LineHead] = attrs.field(factory=dict)
    bodies: dict[Digest, bytes] = attrs.field(factory=dict)
    homes: set[Digest] = attrs.field(factory=set)

    @property
    def stretches(self) -> list[_Stretch]:
        """What is to be packed."""
        return [run for run in self.runs if isinstance(run, _Stretch)]


def dense(view: View, page: Sequence[Entries], packing: Packing) -> Iterator[Dense]:
    """What each source of a page of the index becomes; Damaged names what cannot be read."""
    page = [(key, [] if key in packing.left_out else items) for key, items in page]
    names = source_names(view, [key for key, _ in page])
    loose = [
        _loose(view, source, key, items, anew=packing.anew)
        for source, (key, items) in zip(names, page, strict=True)
    ]
    recipes_of = _manifests(view, loose)
    digests = {section.digest for manifest in recipes_of.values() for section in manifest.sections}
    ordered = sorted(digests)
    located = zip(ordered, blobs.locate_many(view, ordered), strict=True)
    places = {digest: place for digest, place in located if place is not None}
    at_home: dict[bytes, set[Digest]] = {}
    for digest, place in places.items():
        at_home.setdefault(place.home, set()).add(digest)
    for each, (key, items) in zip(loose, page, strict=True):
        homes = each.homes | at_home.get(source_mark(each.source), set())
        lasting = lasting_entries(each.source, items)
        yield Dense(key, each.source, lasting, list(_packed(each, recipes_of, places, homes)))


def _loose(view: View, source: Source, source_key: bytes, items: Sequence[Item], *, anew: bool) -> _Loose:
    by_kind: dict[bytes, list[Item]] = {}
    cut = len(source_key)
    for item in items:
        by_kind.setdefault(item[0][cut : cut + 1], []).append(item)
    found = _Loose(source, source_key)
    versions = by_kind.get(VERSION, [])
    packed = by_kind.get(RUN, [])
    last = _open_all(view, found, packed) if anew else _take_runs(view, found, packed, open_last=bool(versions))
    outcomes = {key[-4:]: unseal(VERSIONS, key, value) for key, value in by_kind.get(OUTCOMES, ())}
    last.rows.extend([_row(source, item, outcomes.get(item[0][-4:], b"")) for item in versions])
    for item in by_kind.get(LINE, ()):
        head = read_line_head(source, item)
        found.heads[head.builder_version] = head
    return found


def _row(source: Source, item: Item, outcomes: bytes) -> BareRow:
    key, value = item
    try:
        return bare_row(int.from_bytes(key[-4:], "big"), unseal(VERSIONS, key, value), outcomes)
    except Damaged:
        read_version(source, item)  # says which one
        raise


def _take_runs(view: View, found: _Loose, items: Sequence[Item], *, open_last: bool) -> _Stretch:
    """Take the runs; the stretch that what comes behind them belongs to.

    They stay as they are, but for those whose frames were mended, and the last one where there is more to come and
    room for it.
    """
    for item in items:
        run = read_run(found.source, item)
        if open_last and item is items[-1] and _has_room(view, run):
            _open(view, found, run)
        elif any(manifests.has_many(view, list(run.snapshots))) and sound_frame(view, run) is None:
            found.runs.append(_Stretch(_rows(found, run)))
        else:
            found.runs.append(Kept(item[0], unseal(VERSIONS, *item), run.position))
    if not (found.runs and isinstance(found.runs[-1], _Stretch)):
        found.runs.append(_Stretch())
    return found.stretches[-1]


def _open_all(view: View, found: _Loose, items: Sequence[Item]) -> _Stretch:
    """Take the runs, none of which stays, as one stretch; of their frames which sections are at home."""
    stretch = _Stretch()
    for item in items:
        run = read_run(found.source, item)
        stretch.rows.extend(_rows(found, run))
        frame = sound_frame(view, run)
        if frame is not None:  # else what can be read of it is read as that of other versions is
            found.homes.update(frame.digest(ordinal) for ordinal in frame.homes)
    found.runs.append(stretch)
    return stretch


def _has_room(view: View, run: Run) -> bool:
    try:
        frame_bytes = read_packed(view, run.position)[0].frame_bytes
    except Damaged:  # it has to be packed anew, if it was mended
        frame_bytes = 0
    return 2 * run.count <= RUN_VERSIONS and 2 * frame_bytes <= FRAME_BYTES


def _open(view: View, found: _Loose, run: Run) -> None:
    frame = sound_frame(view, run)
    opened = _Stretch(_rows(found, run))
    found.runs.append(opened)
    if frame is None:
        return  # what can be read of it otherwise, be it mended or not, is read as that of other versions is
    for ordinal, body in enumerate(frame.all_bodies()):
        digest = frame.digest(ordinal)
        found.bodies[digest] = body
        if frame.is_home(ordinal):
            found.homes.add(digest)
    opened.opened.extend(recipes(frame, range(frame.versions)))


def _rows(found: _Loose, run: Run) -> list[BareRow]:
    found.heads.update((head.builder_version, head) for head in run.line_heads())
    return [BareRow(*row) for row in zip(*run.columns(), strict=True)]


def _manifests(view: View, loose: Sequence[_Loose]) -> dict[bytes, Manifest]:
    """The manifests that have not been read, by snapshot hash."""
    wanted = [
        (each.source, each.key + VERSION + row.number.to_bytes(4, "big"), row.snapshot)
        for each in loose
        for stretch in each.stretches
        for row in stretch.unread
    ]
    payloads = manifests.payloads_many(view, [(key, snapshot) for _, key, snapshot in wanted])
    found: dict[bytes, Manifest] = {}
    for (source, key, snapshot), payload in zip(wanted, payloads, strict=True):
        if payload is None:
            raise Damaged(
                f"{source} version {int.from_bytes(key[-4:], 'big')}: its manifest is damaged or missing; run "
                "verify, put the record again with --again, then compact"
            )
        found[snapshot] = decode_manifest(payload)
    return found


def _packed(
    each: _Loose, recipes_of: Mapping[bytes, Manifest], places: Mapping[Digest, Place], homes: set[Digest]
) -> Iterator[Kept | Parcel]:
    for run in each.runs:
        if isinstance(run, _Stretch):
            wanted = [*run.opened, *[recipes_of[row.snapshot] for row in run.unread]]
            yield from _parcels(each, run.rows, wanted, homes, places)
        else:
            yield run


def _parcels(
    each: _Loose,
    rows: Sequence[BareRow],
    wanted: Sequence[Manifest],
    homes: set[Digest],
    places: Mapping[Digest, Place],
) -> Iterator[Parcel]:
    newest = {read_made(row.made)[0]: row.number for row in rows}
    start = 0
    for one in plan(wanted, homes):
        some = rows[start : start + one.versions]
        numbers = {row.number for row in some}
        heads = {
            name: head
            for name, head in each.heads.items()
            if head.number in numbers and newest.get(name) == head.number
        }
        key = each.key + RUN + some[-1].number.to_bytes(4, "big")
        run = write_run(0, some, heads)
        yield Parcel(key, run, wanted[start : start + one.versions], one, each.bodies, places)
        start += one.versions
