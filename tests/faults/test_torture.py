"""What a store survives: the shipped suite, a few trials of each case; `make torture` makes many."""

from __future__ import annotations

import os
import random
from functools import partial
from itertools import islice
from pathlib import Path

import pytest

from pithstore.torture import damage, images, power, suite
from pithstore.torture.case import Case
from pithstore.torture.child import in_child
from pithstore.torture.images import Medium
from pithstore.torture.recording import Deed, Synced
from pithstore.torture.workload import run

REQUIRED = os.environ.get("PITHSTORE_FAULTS") == "required"
FEW = {
    "kill": 30,
    "power": 200,
    "syscalls": 50,
    "flips": 300,
    "commands": 20,
    "garbage": 100,
    "old-copies": 30,
    "full-disk": 12,
    "growth": 1,
}

pytestmark = pytest.mark.process


@pytest.mark.parametrize("case", suite.CASES, ids=lambda case: case.name)
def test_nothing_is_found(case: Case, tmp_path: Path) -> None:
    tally = suite.run(case, os.fspath(tmp_path), 0, FEW.get(case.name), lambda _: None)
    if tally.skipped and not REQUIRED:
        pytest.skip(tally.skipped)
    assert tally.skipped is None
    assert tally.findings == ()
    assert tally.trials == FEW.get(case.name, tally.trials) > 0
    assert list(tmp_path.iterdir()) == []


def deeds(tmp_path: Path) -> list[Deed]:
    from pithstore.torture.case import Skipped

    try:
        return power.recorded(os.fspath(tmp_path / "recorded"), 0)
    except Skipped as why:
        if REQUIRED:
            raise
        pytest.skip(str(why))


def test_the_power_cut_would_find_a_sync_that_lies(tmp_path: Path) -> None:
    """The control: without its syncs, what was acknowledged is lost sooner or later."""
    lying = [deed for deed in deeds(tmp_path) if not isinstance(deed, Synced)]
    found = (power.finding(lying, os.fspath(tmp_path), seed) for seed in range(100))
    assert next(filter(None, found))


def test_all_that_was_synced_is_in_every_image(tmp_path: Path) -> None:
    """At the end of a recording all is synced but the names of what was read: one image is what is there."""
    medium = Medium(os.fspath(tmp_path / "recorded"))
    for deed in deeds(tmp_path):
        medium.do(deed)
    (tmp_path / "image").mkdir()
    images.write_image(medium.image(random.Random(0), likely=1.0), os.fspath(tmp_path / "image"))
    for path in (tmp_path / "recorded").rglob("*"):
        image = tmp_path / "image" / path.relative_to(tmp_path / "recorded")
        assert image.is_dir() if path.is_dir() else image.exists()
        if path.suffix == ".mdb" and path.stem == "data":
            assert image.read_bytes() == path.read_bytes()


def test_the_damaged_would_be_told_from_the_sound(tmp_path: Path) -> None:
    """The control: a store that was written to after its answers were taken answers otherwise, with no alarm."""
    store = damage.Sound.made(os.fspath(tmp_path), 0)

    def write(_file: str) -> None:
        in_child(partial(run, store.path, os.devnull, 99, ("put",)))

    assert "silent" in str(store.finding(write))


def test_seeds_make_the_same_again(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    first, second = (
        [trial.seed for trial in islice(damage.flips(os.fspath(tmp_path / name), 7), 3)] for name in ("one", "two")
    )
    assert first == second == [7, 8, 9]
