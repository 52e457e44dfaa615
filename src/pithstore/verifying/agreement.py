"""Whether the entries of a source name each other: head, lines, times, and versions by rising number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from operator import lt

from pithstore.keys import line_key, time_key
from pithstore.model import Line
from pithstore.packs.run import Run
from pithstore.report import Problem
from pithstore.verifying.entries import History
from pithstore.verifying.said import Said, read_moment


def disagreements(history: History) -> Iterator[Problem]:
    """Where the versions of a source and its other entries do not name each other."""
    if _is_packed(history):  # the last run is head and line heads
        return iter(()) if _rises(history) else _numbers(history)
    return _disagreements(history)


def _is_packed(history: History) -> bool:
    """Whether a source has runs and nothing else that would have to name its versions."""
    others = history.loose or history.lines or history.times or history.head is not None
    return bool(history.stretches) and not others


def _rises(history: History) -> bool:
    numbers = [number for stretch in history.stretches for number in stretch.columns.numbers]
    return numbers[0] > 0 and all(map(lt, numbers, numbers[1:]))


def _disagreements(history: History) -> Iterator[Problem]:
    packed = [said for stretch in history.stretches for said in stretch.said]
    yield from _numbers(history)
    if history.loose or history.lines:
        yield from _lines(history, packed)
    if history.loose or history.times:
        yield from _times(history)
    if history.loose or history.head is not None or not packed:
        yield from _head(history, [*packed, *history.loose])


def _numbers(history: History) -> Iterator[Problem]:
    """Numbers rise, from run to run and to the versions with entries of their own."""
    last = 0
    for stretch in history.stretches:
        numbers = stretch.columns.numbers
        if numbers[0] <= last or any(b <= a for a, b in pairwise(numbers)):
            message = f"{history.source}: the run of {stretch.numbers} does not go on behind version {last}"
            yield Problem("run-wrong", message, history.source, numbers[-1])
        last = max(last, *numbers)
    for said in history.loose:
        if said.number <= last:
            message = f"{history.source} version {said.number}: it is in a run, and has an entry of its own"
            yield Problem("run-wrong", message, history.source, said.number)


def _lines(history: History, packed: Iterable[Said]) -> Iterator[Problem]:
    """Each builder with a version behind the runs has a head; any head is the newest of its builder."""
    newest = {said.made.builder_version: said for said in packed}
    loose = {said.made.builder_version: said for said in history.loose}
    newest.update(loose)
    for key in sorted({line_key(Line(history.source, builder)) for builder in loose} - history.lines.keys()):
        builder = next(each for each in loose if line_key(Line(history.source, each)) == key)
        yield _wrong_line(history, builder, newest[builder].number)
    for key, head in history.lines.items():
        builder = head.builder_version
        said = newest.get(builder)
        is_newest = said is not None and (head.number, head.snapshot) == (said.number, said.snapshot)
        if not is_newest or key != line_key(Line(history.source, builder)):
            yield _wrong_line(history, builder, head.number if said is None else said.number)


def _wrong_line(history: History, builder: str, number: int) -> Problem:
    message = f"{history.source}: the head of builder {builder!r} is not its newest version"
    return Problem("line-wrong", message, history.source, number)


def _times(history: History) -> Iterator[Problem]:
    """Each version behind the runs has an entry by its time, and there are no others."""
    times = {_time_key(history, said) for said in history.loose}
    for key in sorted(times ^ set(history.times)):
        number = int.from_bytes(key[-4:], "big")
        what = "is missing" if key in times else "belongs to no version"
        message = f"{history.source} version {number}: an entry by time {what}"
        yield Problem("time-wrong", message, history.source, number)


def _time_key(history: History, said: Said) -> bytes:
    line = Line(history.source, said.made.builder_version)
    return time_key(line, read_moment(said.observed_at), said.number)


def _head(history: History, versions: Sequence[Said]) -> Iterator[Problem]:
    """The head keeps the last number and time that were given."""
    last = max((said.number for said in versions), default=0)
    recorded = max((read_moment(said.recorded_at) for said in versions), default=None)
    head = history.head
    if head is None or head.number < last or (recorded is not None and head.recorded_at < recorded):
        message = f"{history.source}: its head is missing or behind version {last}"
        yield Problem("head-wrong", message, history.source, last)


def sections_of_heads(history: History) -> dict[int, int]:
    """How many sections the newest version of each builder has by the head of its line, by its number.

    That is in a run where the line has no entry of its own; where it has one, no run need say it.
    """
    loose = {head.builder_version for head in history.lines.values()}
    packed: dict[str, tuple[int, Run]] = {}
    for stretch in history.stretches:
        run = stretch.run
        for made, number in zip(stretch.made, stretch.columns.numbers, strict=True):
            packed[made.builder_version] = number, run
    sections = {number: run.sections(builder) for builder, (number, run) in packed.items() if builder not in loose}
    sections.update([(head.number, head.sections) for head in history.lines.values()])
    return sections
