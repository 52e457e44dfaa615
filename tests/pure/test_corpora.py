"""Real records, all of them: the snapshot is the definition's."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from pithstore.model import Source
from pithstore.record import prepare
from tests.pure.laws import hash_of

CORPORA = os.environ.get("PITHSTORE_CORPORA")
LINES = {"ror": 70_000, "vulndb": 7_175, "eol": 2_500}


@pytest.mark.corpora
@pytest.mark.skipif(CORPORA is None, reason="PITHSTORE_CORPORA is not set")
@pytest.mark.parametrize("name", LINES)
def test_every_snapshot_is_the_hash_of_the_definition(name: str) -> None:
    count = 0
    with gzip.open(Path(CORPORA or "") / f"{name}.jsonl.gz") as lines:
        for line in lines:
            record = json.loads(line)
            prepared = prepare(line)
            assert str(prepared.snapshot) == hash_of(record)
            assert prepared.line.source == Source(record["source"]["kind"], record["source"]["id"])
            count += 1
    assert count == LINES[name]
