"""Which entries of a source stay as they are, beside its runs."""

from __future__ import annotations

from collections.abc import Sequence

from pithstore.codec import Head, decode_head
from pithstore.engine import Item
from pithstore.keys import HEAD, RUN, STANDING, VERSION, VERSIONS
from pithstore.model import Source
from pithstore.packs.runs import read_run
from pithstore.seal import unseal
from pithstore.survey import items_of_kind
from pithstore.versions import read_version


def lasting_entries(source: Source, items: Sequence[Item]) -> list[Item]:
    """What the newest version declares; and the head, where that says more than the last version does.

    It does where what came last was forgotten: no number is given again, and no moment gone behind.
    """
    heads = items_of_kind(items, HEAD)
    beyond = [item for item in heads if decode_head(unseal(VERSIONS, *item)) != _last(source, items)]
    return [*beyond, *items_of_kind(items, STANDING)]


def _last(source: Source, items: Sequence[Item]) -> Head | None:
    """What the head says where nothing was forgotten; None for a source without a version."""
    loose = list(items_of_kind(items, VERSION))
    if loose:
        version = read_version(source, loose[-1])
        return Head(version.number, version.recorded_at)
    packed = list(items_of_kind(items, RUN))
    if not packed:
        return None
    run = read_run(source, packed[-1])
    return Head(run.number(run.count - 1), run.recorded_at(run.count - 1))
