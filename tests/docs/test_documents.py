"""What the documents show is what happens, and what they point to is there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from pithstore.cli.commands import COMMANDS
from pithstore.errors import CATALOGUE

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "examples/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ANY_FENCE = re.compile(r"^[ \t>]*(?:```|~~~)", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
ANYTHING = "..."


@attrs.frozen
class Block:
    kind: str
    text: str


def name_of(document: Path) -> str:
    return str(document.relative_to(ROOT))


def blocks(document: Path) -> list[Block]:
    return [Block(kind, text) for kind, text in FENCE.findall(document.read_text())]


WITH_BLOCKS = [document for document in DOCUMENTS if blocks(document)]


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory with the examples in it, and pithstore on the path."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("PITHSTORE", raising=False)
    return tmp_path


@pytest.mark.parametrize("document", WITH_BLOCKS, ids=name_of)
def test_every_block_of_a_document_does_what_it_says(document: Path, room: Path) -> None:
    names: dict[str, object] = {}
    for block in blocks(document):
        if block.kind == "python":
            exec(compile(block.text, name_of(document), "exec"), names)
        elif block.kind == "console":
            for command, expected in steps(block.text):
                shown = output_of(command, room)
                assert matches(expected, shown), f"{command}\nexpected:\n{expected}\nshown:\n{shown}"


def steps(text: str) -> Iterator[tuple[str, str]]:
    for step in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, expected = step.partition("\n")
        yield command, expected


def output_of(command: str, room: Path) -> str:
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=room,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
    )
    return done.stdout.decode()


def matches(expected: str, shown: str) -> bool:
    pattern = ".*".join(map(re.escape, expected.strip().split(ANYTHING)))
    return re.fullmatch(pattern, shown.strip(), re.DOTALL) is not None


def test_a_step_that_shows_something_else_is_seen() -> None:
    assert matches("a ... c\n", "a b c")
    assert not matches("a\n", "a b")


@pytest.mark.parametrize("document", WITH_BLOCKS, ids=name_of)
def test_every_block_is_of_a_kind_that_is_run_or_plain_text(document: Path) -> None:
    assert {block.kind for block in blocks(document)} <= {"python", "console", "text"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_no_block_is_fenced_so_that_it_would_be_passed_over(document: Path) -> None:
    assert len(ANY_FENCE.findall(document.read_text())) == 2 * len(blocks(document))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_leads_to_a_file(document: Path) -> None:
    for target in LINK.findall(document.read_text()):
        assert (document.parent / target).exists(), target


def test_the_quickstart_is_short() -> None:
    first = next(block for block in blocks(ROOT / "README.md") if block.kind == "python")
    assert len([line for line in first.text.splitlines() if line.strip()]) <= 15


def test_the_glossary_has_the_words() -> None:
    words = re.findall(r"^\| ([\w ]+?) \|", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)
    assert {
        *("record", "section", "source", "builder_version", "canonical form", "digest", "blob", "snapshot"),
        *("manifest", "version", "declared digest", "profile", "engine", "dedupe", "verify", "line", "reference"),
    } <= set(words)


def test_the_demo_shows_what_it_should(room: Path) -> None:
    demo = subprocess.run(
        ["sh", str(ROOT / "examples" / "demo.sh")], cwd=ROOT, capture_output=True, check=True, timeout=100
    )
    shown = demo.stdout.decode()
    assert "5b021deda6015e49dbfe590f4b9dcf50735fe318fc44a95a61bc647f239b685f  -" in shown
    assert shown.count(": match") == 5
    assert "ok: 9 versions, 9 snapshots, 50 blobs are what they were" in shown
    assert {f"$ pithstore {command}" in shown for command in ("log", "diff", "check", "verify", "stat")} == {True}


def test_the_reference_of_the_command_line_has_every_command_and_exit_code() -> None:
    text = (ROOT / "docs" / "cli.md").read_text()
    assert re.findall(r"^## (\w+)$", text, re.MULTILINE)[2:] == list(COMMANDS)[1:]
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    assert codes == {0, 1, 3, 130} | {error.exit_code for error in CATALOGUE.values()}
