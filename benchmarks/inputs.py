"""What is put and what must come out again: files of lines, and the answers by the definition of the form."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from random import Random

import attrs
from generated import PROFILES, line_of, records
from sections import Cut, cutter, new_versions, standard

GETS, HISTORIES = 2000, 50


@attrs.frozen
class Input:
    """A file of lines in a folder, the newest record of each line of versions, and what a store must answer.

    `gets` are source, number and snapshot of versions that a later one followed, or, where no source has two, of
    any; `histories` are sources with their versions.
    """

    name: str
    folder: str
    records: int
    size: int
    sources: int
    versions: int
    newest: int
    gets: list[tuple[str, int, str]]
    histories: list[tuple[str, int]]

    @property
    def lines(self) -> Path:
        return Path(self.folder) / "lines.jsonl"

    @property
    def newest_lines(self) -> Path:
        return Path(self.folder) / "newest.jsonl"


def generated(text: str) -> Iterator[bytes]:
    """The lines that `PROFILE:SOURCESxVERSIONS` asks for."""
    asked = re.fullmatch(r"(\w+):(\d+)x(\d+)", text)
    if not asked or asked[1] not in PROFILES:
        raise SystemExit(f"{text}: write PROFILE:SOURCESxVERSIONS, with a profile of {', '.join(PROFILES)}")
    return map(line_of, records(int(asked[2]), int(asked[3]), profile=asked[1]))


def corpus(file: Path, count: int | None) -> Iterator[bytes]:
    """The first lines of a packed file, or all of them."""
    with gzip.open(file) as lines:
        yield from islice(lines, count)


def make(name: str, lines: Iterable[bytes], folder: Path) -> Input:
    """Write the files of an input into a new folder."""
    folder.mkdir()
    cut = cutter(*standard())
    newest: dict[tuple[str, str], bytes] = {}
    count = size = 0

    def cuts(out: ExitStack) -> Iterator[Cut]:
        nonlocal count, size
        file = out.enter_context((folder / "lines.jsonl").open("wb"))
        for line in lines:
            file.write(line)
            count, size = count + 1, size + len(line)
            record = cut(line)
            newest[record.source, record.builder] = line
            yield record

    with ExitStack() as out:
        steps = new_versions(cuts(out), lambda _: None)
        versions = [(step.cut.source, step.head.number, step.cut.snapshot) for step in steps]
    # One builder may have gone back and forth with another, so the order is that of the whole file.
    with (folder / "newest.jsonl").open("wb") as file:
        file.writelines(newest.values())
    random = Random(1)
    numbers = {source: number for source, number, _ in versions}
    old = [version for version in versions if version[1] < numbers[version[0]]] or versions
    asked = random.sample(old, min(GETS, len(old)))
    histories = random.sample(list(numbers.items()), min(HISTORIES, len(numbers)))
    made = Input(name, str(folder), count, size, len(numbers), len(versions), len(newest), asked, histories)
    (folder / "input.json").write_text(json.dumps(attrs.asdict(made)))
    return made


def load(folder: str) -> Input:
    """The input that was made in a folder."""
    return Input(**json.loads((Path(folder) / "input.json").read_text()))
