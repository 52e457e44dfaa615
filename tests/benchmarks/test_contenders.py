"""Every store that is compared gives back what was put, in each of its forms."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import inputs
import measured
import pytest
from contender import Contender
from generated import line_of, records
from ingest import round_of
from inputs import Input
from measured import ENTRIES, READERS, kind_of

MISSING = [name for name, entry in (ENTRIES | READERS).items() if not measured.installed(entry)]


@pytest.fixture
def given(tmp_path: Path) -> Input:
    return inputs.make("typical:10x3", map(line_of, records(10, 3)), tmp_path / "input")


@pytest.mark.process
@pytest.mark.parametrize("name", ENTRIES)
def test_a_contender_answers_every_question_rightly_in_each_form(name: str, given: Input, tmp_path: Path) -> None:
    """`measured` compares what a contender answers with what the definition of the form says, and ends if not."""
    if name in MISSING:
        pytest.skip(f"{name}: {ENTRIES[name].package} is not installed")
    forms = dict(round_of(name, ENTRIES[name], given, tmp_path / "room"))
    packs = kind_of(name).packs
    readers = [f"{name}, {how}, by {reader}" for how in packs for reader in ENTRIES[name].readers]
    expected = {name, *(f"{name}, {how}" for how in packs), *readers}
    assert forms.keys() == expected - {form for form in readers if form.rpartition(" by ")[2] in MISSING}
    assert all(row["get_p50_us"] > 0 for row in forms.values())
    assert all(row["bytes"] > 0 for form, row in forms.items() if form not in readers)


class Liar:
    """A contender that says that it has a version more, and gives back other bytes."""

    packs: tuple[str, ...] = ()

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, lines: Iterable[bytes]) -> int:
        return len(list(lines)) + 1

    def pack(self, how: str) -> None:
        raise NotImplementedError(how)

    def open(self) -> None:
        pass

    def get(self, source: str, number: int) -> bytes:
        return b"{}"

    def history(self, source: str) -> int:
        return 0

    def verify(self) -> None:
        pass


def test_a_contender_that_gives_other_answers_is_not_measured(given: Input, tmp_path: Path) -> None:
    liar: Contender = Liar(tmp_path)
    with pytest.raises(SystemExit, match="new versions where"):
        measured.put(liar, given.lines, given.versions)
    with pytest.raises(SystemExit, match="other bytes for arxiv:"):
        measured.read(liar, given)
    with pytest.raises(SystemExit, match="0 versions of"):
        measured.history(liar, *given.histories[0])


def test_gets_are_of_versions_that_another_followed(given: Input) -> None:
    assert given.gets
    versions = dict(given.histories)
    assert len(versions) == given.sources == 10
    assert all(number < versions[source] for source, number, _ in given.gets)
