"""Repair, killed at any moment, and run again."""

from __future__ import annotations

import os
import random
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from pithstore.opening import open_engine
from pithstore.store import Store
from pithstore.store import open as open_store
from tests.store.repairing_children import repair_step_by_step
from tests.store.shelves import new_engine
from tests.store.test_processes import PATIENCE, process, received
from tests.store.test_repair import content, damage, filled

KILLS = 60 if os.environ.get("PITHSTORE_LONG") else 6


@pytest.mark.process
def test_a_repair_killed_at_any_moment_can_be_run_again(tmp_path: Path) -> None:
    chance = random.Random(5)
    path, copy, damaged = tmp_path / "store", tmp_path / "copy", tmp_path / "damaged"
    with closing(filled(new_engine("lmdb", path), 2)) as store:
        store.backup(copy)
        was = content(store)
    for _ in range(KILLS):
        shutil.copytree(path, damaged)
        with closing(open_engine(damaged, None, patience=PATIENCE)) as engine:
            done = damage(engine, chance, 12)
        for _ in range(2):
            with process(repair_step_by_step, damaged, copy) as (child, pipe):
                for _ in range(chance.randrange(1, 120)):
                    if received(pipe) == -1:
                        break
                child.kill()
                child.join(PATIENCE)
        with closing(open_engine(damaged, None, patience=PATIENCE)) as engine:
            report = Store(engine).repair(copy)
        assert report.ok, (done, report.verified.problems)
        with open_store(damaged) as mended:
            assert content(mended) == was, done
        shutil.rmtree(damaged)
