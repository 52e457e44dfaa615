"""What the sources of one page of the index become: runs that stay as they are, and versions for new runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs

from pithstore import blobs, manifests
from pithstore.codec import LineHead, Place
from pithstore.digest import Digest
from pithstore.engine import Item, View
from pithstore.errors import Damaged
from pithstore.keys import LINE, OUTCOMES, RUN, STANDING, VERSION, VERSIONS, source_mark
from pithstore.model import Manifest, Source, Version
from pithstore.packs.frames import read_frame, read_packed
from pithstore.packs.packing import FRAME_BYTES, RUN_VERSIONS, Plan, plan
from pithstore.packs.rebuild import recipes
from pithstore.packs.run import Row, Run
from pithstore.packs.runs import read_run
from pithstore.seal import unseal
from pithstore.survey import Entries, source_names
from pithstore.versions import read_line_head, read_version


@attrs.frozen
class Kept:
    """A run that stays, with its frame."""

    key: bytes
    run: bytes
    position: int


@attrs.frozen
class Parcel:
    """Versions of one source that become one run: all that it needs but the bodies of its sections.

    `bodies` are those that have been read already, `places` says where others lie in the tail.
    """

    source: Source
    rows: Sequence[Row]
    manifests: Sequence[Manifest]
    plan: Plan
    heads: Mapping[str, LineHead]
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
class _Loose:
    """The versions of a source that are to be packed, by rising number, and what is known for them."""

    source: Source
    kept: list[Kept]
    rows: list[Row]
    heads: dict[str, LineHead]
    opened: list[Manifest]
    bodies: dict[Digest, bytes]
    homes: set[Digest]


def dense(view: View, page: Sequence[Entries]) -> Iterator[Dense]:
    """What each source of a page of the index becomes; Damaged names what cannot be read."""
    names = source_names(view, [key for key, _ in page])
    loose = [_loose(view, source, len(key), items) for source, (key, items) in zip(names, page, strict=True)]
    recipes_of = _manifests(view, [row.version for each in loose for row in each.rows[len(each.opened) :]])
    digests = {section.digest for manifest in recipes_of.values() for section in manifest.sections}
    ordered = sorted(digests)
    located = zip(ordered, blobs.locate_many(view, ordered), strict=True)
    places = {digest: place for digest, place in located if place is not None}
    for each, (key, items) in zip(loose, page, strict=True):
        standing = [item for item in items if item[0].endswith(STANDING) and len(item[0]) == len(key) + 1]
        runs: list[Kept | Parcel] = [*each.kept, *_parcels(each, recipes_of, places)]
        yield Dense(key, each.source, standing, runs)


def _loose(view: View, source: Source, source_bytes: int, items: Sequence[Item]) -> _Loose:
    by_kind: dict[bytes, list[Item]] = {}
    for item in items:
        by_kind.setdefault(item[0][source_bytes : source_bytes + 1], []).append(item)
    found = _Loose(source, [], [], {}, [], {}, set())
    versions = [read_version(source, item) for item in by_kind.get(VERSION, ())]
    _take_runs(view, found, by_kind.get(RUN, []), open_last=bool(versions))
    outcomes = {key[-4:]: unseal(VERSIONS, key, value) for key, value in by_kind.get(OUTCOMES, ())}
    found.rows.extend(Row(version, outcomes.get(version.number.to_bytes(4, "big"), b"")) for version in versions)
    for item in by_kind.get(LINE, ()):
        head = read_line_head(source, item)
        found.heads[head.builder_version] = head
    return found


def _take_runs(view: View, found: _Loose, items: Sequence[Item], *, open_last: bool) -> None:
    """Keep the runs; the last one is opened where there is more to come and room for it."""
    for item in items:
        run = read_run(found.source, item)
        if open_last and item is items[-1] and _has_room(view, run):
            _open(view, found, run)
        else:
            found.kept.append(Kept(item[0], unseal(VERSIONS, *item), run.position))


def _has_room(view: View, run: Run) -> bool:
    return 2 * run.count <= RUN_VERSIONS and 2 * read_packed(view, run.position)[0].frame_bytes <= FRAME_BYTES


def _open(view: View, found: _Loose, run: Run) -> None:
    frame = read_frame(view, run.position)
    for ordinal in range(frame.bodies):
        body = frame.body(ordinal)
        digest = Digest.of(body)
        found.bodies[digest] = body
        if frame.is_home(ordinal):
            found.homes.add(digest)
    found.opened.extend(recipes(frame, range(frame.versions)))
    found.rows.extend(Row(run.version(found.source, row), run.outcomes(row)) for row in range(run.count))
    found.heads.update((head.builder_version, head) for head in run.line_heads())


def _manifests(view: View, versions: Sequence[Version]) -> dict[Digest, Manifest]:
    found = dict(zip(versions, manifests.get_many(view, versions), strict=True))
    for version, manifest in found.items():
        if manifest is None:
            raise Damaged(
                f"{version.source} version {version.number}: its manifest is damaged or missing; run "
                "verify, put the record again with --again, then compact"
            )
    return {version.snapshot: manifest for version, manifest in found.items() if manifest is not None}


def _parcels(
    each: _Loose, recipes_of: Mapping[Digest, Manifest], places: Mapping[Digest, Place]
) -> Iterator[Parcel]:
    loose = [recipes_of[row.version.snapshot] for row in each.rows[len(each.opened) :]]
    wanted = [*each.opened, *loose]
    mine = source_mark(each.source)
    brought = {section.digest for manifest in loose for section in manifest.sections}
    homes = each.homes | {
        digest for digest in brought if (place := places.get(digest)) is not None and place.home == mine
    }
    newest = {row.version.builder_version: row.version.number for row in each.rows}
    start = 0
    for one in plan(wanted, homes):
        rows = each.rows[start : start + one.versions]
        numbers = {row.version.number for row in rows}
        heads = {
            name: head
            for name, head in each.heads.items()
            if head.number in numbers and newest.get(name) == head.number
        }
        yield Parcel(each.source, rows, wanted[start : start + one.versions], one, heads, each.bodies, places)
        start += one.versions
