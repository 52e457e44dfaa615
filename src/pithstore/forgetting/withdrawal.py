"""Versions taken out of the index, with their manifests and all that was counted of them.

What is left says what it would say had they never been, but for the head of the source: it keeps the last number
that was given.  The sections stay until a gc finds that nothing names them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pithstore import garbage, manifests, records, tombstones, versions
from pithstore.canonical import canonical
from pithstore.codec import LineHead, encode_line_head
from pithstore.counts import Totals
from pithstore.digest import Digest
from pithstore.engine import Item, Update, View
from pithstore.fingerprint import fingerprint
from pithstore.forgetting.declared import withdraw_outcomes
from pithstore.keys import VERSIONS, line_key, source_slot, time_key, version_key
from pithstore.model import Line, Manifest, Source, Version
from pithstore.profile import Profile
from pithstore.seal import seal_many
from pithstore.totals import take_totals

_PAGE = 1024


def withdraw(update: Update, source: Source, numbers: Sequence[int], profile: Profile) -> int:
    """How many of these versions there were; now there is none.

    They are in no run, nor is what becomes the newest of a line by this: `reach` says from where on to loosen.
    Nobody compacts meanwhile (`journal.without_compaction`), who may have packed them already.  Damaged where a
    manifest is, or what a version declares that stands beside one of them.
    """
    wanted = set(numbers)
    history = read_history(update, source)
    going = [version for version in history if version.number in wanted]
    if not going:
        return 0
    recipes = dict(zip(going, records.read_manifests(update, going), strict=True))
    left = [version for version in history if version.number not in wanted]
    withdraw_outcomes(update, recipes, history, profile)
    _take_totals(update, source, recipes, left)
    _write_lines(update, going, left)
    line_of = {version: Line(source, version.builder_version) for version in going}
    update.delete_many(
        VERSIONS,
        [version_key(source, version.number) for version in going]
        + [time_key(line, version.observed_at, version.number) for version, line in line_of.items()],
    )
    manifests.delete_many(update, _last_snapshots(going, left))
    tombstones.unmark(update, source, [version.number for version in going])
    garbage.leave(update)
    return len(going)


def read_history(view: View, source: Source) -> list[Version]:
    """All versions of a source, by rising number."""
    history: list[Version] = []
    after: int | None = None
    while page := versions.page(view, source, after=after, limit=_PAGE):
        history += page
        after = page[-1].number
    return history


def reach(history: Sequence[Version], numbers: Sequence[int]) -> int:
    """The first number of those that must be in no run when these versions of a source are withdrawn.

    They are these versions, and for each line whose newest is one of them, the version that becomes its newest.
    """
    wanted = set(numbers)
    newest = {version.builder_version: version.number for version in history}
    becoming = {version.builder_version: version.number for version in history if version.number not in wanted}
    return min([*wanted, *(number for builder, number in becoming.items() if newest[builder] != number)])


def _last_snapshots(going: Iterable[Version], left: Iterable[Version]) -> set[Digest]:
    """The snapshots that no version has any more; a snapshot names its source, so no other source has it."""
    return {version.snapshot for version in going} - {version.snapshot for version in left}


def _take_totals(
    update: Update, source: Source, going: Mapping[Version, Manifest], left: Sequence[Version]
) -> None:
    loss = Totals(
        sources=0 if left else 1,
        versions=len(going),
        snapshots=len(_last_snapshots(going, left)),
        sections=sum(len(manifest.sections) for manifest in going.values()),
        canonical_bytes=sum(map(record_bytes, going.values())),
        fingerprint=sum(map(fingerprint, going)),
    )
    take_totals(update, {source_slot(source): loss})


def record_bytes(manifest: Manifest) -> int:
    """The length of the canonical form of the record: names, colons, sections, commas and two braces."""
    parts = [len(canonical(section.name)) + 1 + section.size for section in manifest.sections]
    return sum(parts) + max(0, len(parts) - 1) + 2


def _write_lines(update: Update, going: Sequence[Version], left: Sequence[Version]) -> None:
    """Let the heads of the lines say what is newest now; with no text hash where that is another version."""
    newest = {version.builder_version: version for version in left}
    changed: list[LineHead] = []
    emptied: list[bytes] = []
    for builder, last in {version.builder_version: version for version in going}.items():
        now = newest.get(builder)
        if now is None:
            emptied.append(line_key(Line(last.source, builder)))
        elif now.number < last.number:
            sections = len(records.read_manifest(update, now).sections)
            changed.append(LineHead(builder, now.number, now.snapshot, sections))
    update.delete_many(VERSIONS, emptied)
    entries: list[Item] = [
        (line_key(Line(going[0].source, head.builder_version)), encode_line_head(head)) for head in changed
    ]
    update.put_many(VERSIONS, seal_many(VERSIONS, entries))
