"""Neighbouring versions of real records: each leads to the next exactly."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path

import jsonpatch
import pytest

from pithstore.diff.changes import as_patch, patch
from pithstore.diff.merge_patch import apply_merge_patch, as_merge_patch
from pithstore.diff.values import diff
from pithstore.errors import UsageError
from pithstore.pointer import Json
from pithstore.profile import PITH
from tests.pure.laws import definition

CORPORA = os.environ.get("PITHSTORE_CORPORA")
PAIRS = {"ror": 33_112, "vulndb": 2_884, "eol": 2_313}


def neighbours(name: str) -> Iterator[tuple[Json, Json]]:
    """Each version of a source in a corpus with the one before it by any builder."""
    last: dict[str, bytes] = {}
    with gzip.open(Path(CORPORA or "") / f"{name}.jsonl.gz") as lines:
        for line in lines:
            record = json.loads(line)
            source = f"{record['source']['kind']}:{record['source']['id']}"
            if source in last:
                yield json.loads(last[source]), record
            last[source] = line


@pytest.mark.corpora
@pytest.mark.timeout(900)
@pytest.mark.skipif(CORPORA is None, reason="PITHSTORE_CORPORA is not set")
@pytest.mark.parametrize("name", PAIRS)
def test_neighbouring_versions_of_real_records(name: str) -> None:
    count = 0
    for old, new in neighbours(name):
        changes = list(diff(old, new, keys=PITH.list_keys))
        expected = definition(new)
        assert definition(patch(old, changes)) == expected
        assert bool(changes) == (definition(old) != expected)
        assert definition(jsonpatch.JsonPatch.from_string(json.dumps(as_patch(changes))).apply(old)) == expected
        try:
            merge = as_merge_patch(old, new)
        except UsageError:
            assert b"null" in expected
        else:
            assert definition(apply_merge_patch(old, merge)) == expected
        count += 1
    assert count == PAIRS[name]
