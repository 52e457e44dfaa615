"""The targets of the fuzzers, for a while and without one: seeds, and what accidents by chance make of them."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from pithstore.errors import Damaged
from tests.fuzz import TARGETS, codecs, make_seeds, packs, references
from tests.fuzz.harness import SEEDS, chosen, mutations, seeds, target, write_finding

ACCIDENTS = {"parser": 8_000, "codecs": 100_000, "packs": 40_000, "references": 40_000}
"""As many as take about seven seconds."""

ROOT = Path(__file__).parents[2]
DECODERS = {"codecs": codecs.DECODERS, "packs": packs.DECODERS, "references": references.DECODERS}


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_whatever_accidents_make_of_its_seeds(name: str) -> None:
    run, corpus = target(name), seeds(name)
    for data in (*corpus, b"", *islice(mutations(corpus, Random(name)), ACCIDENTS[name])):
        try:
            run(data)
        except Exception as error:
            path = write_finding(ROOT / "build" / "fuzz", name, data)
            error.add_note(f"python -m tests.fuzz {name} {path.relative_to(ROOT)}")
            raise


@pytest.mark.parametrize("name", DECODERS)
def test_every_decoder_has_seeds_and_takes_them(name: str) -> None:
    decoders = list(DECODERS[name].values())
    for seed in seeds(name):
        decoders[seed[0]](seed[1:])
    assert {seed[0] for seed in seeds(name)} == set(range(len(decoders)))


def test_the_committed_seeds_are_those_that_the_program_writes(tmp_path: Path) -> None:
    make_seeds.write_all(tmp_path)
    kept, made = files_in(SEEDS), files_in(tmp_path)
    assert kept == made
    assert sum(map(len, kept.values())) < 20_000


def files_in(top: Path) -> dict[str, bytes]:
    return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def test_what_is_no_error_of_ours_is_a_finding() -> None:
    def broken(data: bytes) -> None:
        raise IndexError

    with pytest.raises(IndexError):
        chosen({"broken": broken}, b"\0x")

    def refusing(data: bytes) -> None:
        raise Damaged(repr(data))

    chosen({"refusing": refusing}, b"\0x")


@pytest.mark.process
def test_the_program_reads_what_a_finding_is(tmp_path: Path) -> None:
    path = write_finding(tmp_path, "packs", seeds("packs")[0])
    for name, code in (("packs", 0), ("nothing", 2)):
        command = [sys.executable, "-m", "tests.fuzz", name, str(path)]
        done = subprocess.run(command, capture_output=True, cwd=ROOT, timeout=60, check=False)
        assert done.returncode == code, done.stderr
