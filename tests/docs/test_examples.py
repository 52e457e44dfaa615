"""The committed examples are what their script makes: of a small cut here, of the corpus where it is given."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
CUT = ROOT / "tests" / "fixtures" / "ror-cut.jsonl.gz"
CORPORA = os.environ.get("PITHSTORE_CORPORA")


def make(corpus: Path, out: Path) -> dict[str, str]:
    runpy.run_path(str(EXAMPLES / "make.py"))["main"](str(corpus), str(out))
    return {path.name: path.read_text() for path in out.iterdir()}


def committed() -> dict[str, str]:
    return {path.name: path.read_text() for path in EXAMPLES.iterdir() if path.suffix in (".txt", ".md", ".html")}


@pytest.mark.process
def test_the_script_makes_every_example_of_a_cut(tmp_path: Path) -> None:
    made = make(CUT, tmp_path / "out")
    assert made.keys() == committed().keys() - {"README.md"}
    assert "types" in made["builders-compared.txt"]
    assert made["conflicts.txt"].count("2 contents in @") == 4
    for name, source in {"matrix": "ror:04b0z7q78", "blame": "@1   2020-01-01", "log": "first version"}.items():
        assert source in made[f"{name}.txt"]
    # What only depends on the one source is the same as of the whole corpus, but for the times.
    assert made["matrix.txt"] == committed()["matrix.txt"]
    assert made["matrix-of-one-builder.txt"] == committed()["matrix-of-one-builder.txt"]


@pytest.mark.corpora
@pytest.mark.process
@pytest.mark.skipif(CORPORA is None, reason="PITHSTORE_CORPORA names no corpora")
def test_the_committed_examples_are_of_the_whole_corpus(tmp_path: Path) -> None:
    made = make(Path(CORPORA or "") / "ror.jsonl.gz", tmp_path / "out")
    assert made == {name: text for name, text in committed().items() if name != "README.md"}
