"""The pure layers stay pure: what importing one brings along."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

PURE = (
    *("errors", "digest", "limits", "pointer", "refusal", "canonical", "check_value", "fault", "parse"),
    *("quoting", "times", "model", "selectors", "references", "diff", "diff.list_keys", "profile"),
    *("declared", "declared.declarations", "reading", "record", "diff.words", "diff.likeness"),
    *(
        "diff.matching",
        "diff.list_edits",
        "diff.sameness",
        "diff.changes",
        "diff.values",
        "diff.merge_patch",
        "diff.section_diff",
    ),
    *("rendering", "rendering.legible", "rendering.markup", "rendering.styled", "rendering.outline"),
    *("rendering.text_change", "rendering.diff_text", "rendering.diff_stat", "rendering.diff_markdown"),
    *("rendering.diff_html", "diff.comparison", "packs", "packs.frame", "packs.packing", "packs.rebuild"),
)
IMPURE = {
    *("lmdb", "zstandard", "click", "cattrs", "orjson", "msgspec", "blake3", "hypothesis", "psycopg"),
    *("socket", "sqlite3", "subprocess", "asyncio", "tempfile", "random", "secrets", "multiprocessing"),
}
PROGRAM = """
import importlib, json, sys
brought = {}
for name in json.loads(sys.argv[1]):
    importlib.import_module("pithstore." + name)
    brought[name] = sorted(module.partition(".")[0] for module in sys.modules)
json.dump([brought, sorted(name for name in sys.modules if name.startswith("pithstore."))], sys.stdout)
"""


@pytest.mark.process
def test_the_pure_layers_import_no_engine_and_no_front_end() -> None:
    alone = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    command = [sys.executable, "-c", PROGRAM, json.dumps(PURE)]
    run = subprocess.run(command, capture_output=True, check=True, timeout=60, env=alone)
    brought, ours = json.loads(run.stdout)
    assert list(brought) == list(PURE)
    assert {name: IMPURE & set(modules) for name, modules in brought.items() if IMPURE & set(modules)} == {}
    assert ours == sorted("pithstore." + name for name in PURE)
