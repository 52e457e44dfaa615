"""Salvage: what can be proved out of what is left of a store is saved, and nothing else is."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from pithstore.errors import Damaged
from pithstore.keys import SOURCE_BYTES
from tests.store.salvaging import DAMAGES, Pristine, Said, look_at, make_store, readable, salvaged_from

LONG = bool(os.environ.get("PITHSTORE_LONG"))
SEEDS = range(500 if LONG else 20)


def assert_saved(pristine: Pristine, damaged: bytes, work: Path) -> Said:
    """All that a reader could have is saved, and what is saved is what was there; what is lost is named."""
    known, found = readable(pristine, damaged)
    try:
        report, saved = salvaged_from(pristine, damaged, work)
    except Damaged:  # nothing at all was left
        assert not known
        return {}
    assert saved.items() <= pristine.said.items()
    assert found.items() <= saved.items()
    assert report.versions == len(saved)
    assert report.sources == len({source for source, _ in saved})
    lost = {(lost.source, lost.number) for lost in report.lost}
    assert lost.isdisjoint(saved)
    for source, number in known - saved.keys():
        assert (source, number) in lost or (len(source.id) > SOURCE_BYTES and (None, number) in lost)
    return saved


@pytest.mark.parametrize("seed", SEEDS)
def test_what_can_be_read_after_damage_is_saved(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    make_store(tmp_path / "store", chance)
    pristine = look_at(tmp_path / "store")
    (tmp_path / "sound").mkdir()
    assert assert_saved(pristine, pristine.file, tmp_path / "sound") == pristine.said
    for name, damage in DAMAGES.items():
        data = bytearray(pristine.file)
        damage(data, chance)
        work = tmp_path / name
        work.mkdir()
        saved = assert_saved(pristine, bytes(data), work)
        if name in ("zeroed metas", "one meta", "headers"):
            assert saved == pristine.said
