"""Random histories of the store on both engines, also where every transaction runs twice."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import jsonpatch
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from pithstore.pointer import Json
from pithstore.store import Store
from pithstore.store import open as open_store
from pithstore.testing.machine import Rerunning
from pithstore.testing.machine_store import StoreMachine
from tests.store.shelves import EngineName, new_engine

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
QUICK = (Phase.explicit, Phase.generate)  # making a history small takes minutes: ask for the long profile


def apply_patch(value: Json, operations: list[Json]) -> Json:
    changed: Json = jsonpatch.JsonPatch.from_string(json.dumps(operations)).apply(value)
    return changed


@pytest.mark.parametrize("rerun", [False, True])
def test_any_history_is_what_plain_lists_say(engine_name: EngineName, rerun: bool, tmp_path: Path) -> None:
    numbers = itertools.count()

    def machine() -> StoreMachine:
        directory = tmp_path / str(next(numbers))
        engine = new_engine(engine_name, directory)
        store = Store(Rerunning(engine) if rerun else engine)
        return StoreMachine(store, None if engine_name == "memory" else lambda: open_store(directory), apply_patch)

    run_state_machine_as_test(
        machine,  # type: ignore[arg-type]  # it says a class and means whatever makes a machine
        settings=settings(
            max_examples=2000 if LONG else 50,
            phases=tuple(Phase) if LONG else QUICK,
            stateful_step_count=20,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
