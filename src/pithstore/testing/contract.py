"""The specification of an engine, as tests that every engine passes.

A subclass says how an engine is opened, and pytest runs the rest:

    class TestMemoryEngine(EngineContract):
        shared_between_processes = False

        @staticmethod
        def open(directory: Path, spaces: Sequence[str]) -> Engine:
            return MemoryEngine(spaces)

`open` opens what stands at `directory`, or creates it.  It is sent to other processes by name, so the class
stands at the top of its module.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from pithstore.testing.data_contract import DataContract
from pithstore.testing.engine_tests import (
    SPACES,
)
from pithstore.testing.machine import EngineMachine, Rerunning
from pithstore.testing.successor_contract import SuccessorContract
from pithstore.testing.transaction_contract import TransactionContract


class EngineContract(DataContract, TransactionContract, SuccessorContract):
    """What an engine promises; see the top of the module for how to run it."""

    @pytest.mark.parametrize("rerun", [False, True])
    def test_any_history(self, tmp_path: Path, rerun: bool) -> None:
        """Random updates, failures and views give what a plain dictionary gives."""
        numbers = itertools.count()

        def machine() -> EngineMachine:
            directory = tmp_path / str(next(numbers))
            engine = self.open(directory, SPACES)
            again = self.open if self.shared_between_processes else None
            return EngineMachine(Rerunning(engine) if rerun else engine, SPACES, directory, again)

        run_state_machine_as_test(
            machine,  # type: ignore[arg-type]  # it says a class and means whatever makes a machine
            settings=settings(
                max_examples=40,
                stateful_step_count=20,
                deadline=None,
                database=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
            ),
        )
