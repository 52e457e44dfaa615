"""What a record may hold is limited, so that what it makes us hold is too."""

from __future__ import annotations

import json

import pytest

from pithstore.errors import InvalidRecord, UsageError
from pithstore.limits import MAX_NESTING, Limits
from pithstore.pointer import Json
from pithstore.record import prepare
from pithstore.refusal import Reason

IDENTITY: dict[str, Json] = {"source": {"kind": "k", "id": "i"}, "builder_version": "b"}
SMALL = Limits(record_bytes=100_000)


def refused_for(record: dict[str, Json]) -> list[str]:
    reasons = []
    for given in (record, json.dumps(record)):
        with pytest.raises(InvalidRecord) as caught:
            prepare(given, limits=SMALL)
        reasons.append(caught.value.reason)
    return reasons


def test_a_record_has_a_limited_number_of_sections() -> None:
    most = SMALL.sections - len(IDENTITY)
    full = IDENTITY | {f"s{i}": None for i in range(most)}
    assert len(prepare(full, limits=SMALL).bodies) == SMALL.sections
    assert refused_for(full | {"one more": None}) == [Reason.TOO_LARGE] * 2


def test_a_record_has_a_limited_number_of_arrays_and_objects() -> None:
    most = SMALL.containers - 3  # the record, its source, the list itself
    assert prepare(IDENTITY | {"x": [[]] * most}, limits=SMALL).size > most
    assert refused_for(IDENTITY | {"x": [[]] * (most + 1)}) == [Reason.TOO_LARGE] * 2


@pytest.mark.parametrize("limits", [{"record_bytes": 0}, {"nesting": 0}, {"nesting": MAX_NESTING + 1}])
def test_a_limit_that_makes_no_sense_is_refused(limits: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="limit"):
        Limits(**limits)
