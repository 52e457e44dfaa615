"""The pure layers stay pure: what importing one brings along."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PURE = (
    *("errors", "digest", "limits", "pointer", "refusal", "canonical", "check_value", "fault", "parse"),
    *("quoting", "times", "model", "selectors", "references", "list_keys", "profile", "declarations", "record"),
    *("legible", "markup", "styled", "words", "outline", "text_change", "section_diff", "comparison"),
    *("diff_text", "diff_stat", "diff_markdown", "diff_html"),
    *("likeness", "matching", "list_edits", "sameness", "changes", "diff", "merge_patch"),
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
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(PURE)], capture_output=True, check=True, timeout=60
    )
    brought, ours = json.loads(run.stdout)
    assert list(brought) == list(PURE)
    assert {name: IMPURE & set(modules) for name, modules in brought.items() if IMPURE & set(modules)} == {}
    assert ours == sorted("pithstore." + name for name in PURE)
