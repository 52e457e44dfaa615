"""A diff as text for people, in lines: each section with its status, each change with its path and its values.

Paths are those of the changes, each good at its turn: what a list loses has its place in the list before, and what
is changed inside an element has that of the list after.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from pithstore.diff.changes import Change
from pithstore.diff.section_diff import Compared, SectionDiff, Status
from pithstore.model import Version
from pithstore.pointer import Json, follow, read_pointer, write_pointer
from pithstore.rendering.outline import WIDTH, brief, outline, whole
from pithstore.rendering.styled import Line, Role, Sign, Span, line
from pithstore.rendering.text_change import text_change
from pithstore.times import write_time

_STATUS_SIGNS: Mapping[Status, Sign] = {"added": "+", "removed": "-", "changed": "~", "same": " "}
_CHANGE_SIGNS: Mapping[str, Sign] = {"add": "+", "remove": "-", "replace": "~", "move": ">"}

_PAIR = 60  # characters of two values beside each other; longer ones stand one under the other
_HINT = 60  # characters of an element that moved
_LEAST = 24  # characters beside a path, however long it is


def diff_lines(diff: Compared, *, headings: bool = True) -> Iterator[Line]:
    """The lines of a diff, none where nothing differs; with `headings` the two versions come first."""
    differing = [section for section in diff.sections if section.status != "same"]
    if not differing:
        return
    if headings:
        yield from _headings(diff.before, diff.after)
    if same := len(diff.sections) - len(differing):
        yield line(1, "", f"{counted(same, 'section')} the same", "muted")
    for section in differing:
        yield from _section_lines(section)


def status_line(name: str, status: Status) -> Line:
    """A section with what became of it."""
    return line(0, _STATUS_SIGNS[status], name, "heading")


def counted(count: int, noun: str) -> str:
    """A number of things in words."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _headings(before: Version, after: Version) -> Iterator[Line]:
    rows = [_version_row(version) for version in (before, after)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for sign, row in zip(("---", "+++"), rows, strict=True):
        cells = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield line(0, "", f"{sign} {cells}".rstrip(), "heading")


def _version_row(version: Version) -> tuple[str, str, str, str]:
    moment = write_time(version.observed_at.replace(microsecond=0)).removesuffix("T00:00:00Z")
    return f"{version.source}@{version.number}", str(version.snapshot)[:12], moment, version.builder_version


def _section_lines(section: SectionDiff) -> Iterator[Line]:
    root = write_pointer((section.name,))
    head = status_line(section.name, section.status)
    changes = list(_in_reading_order(section, root))
    if changes[0].path == root:  # all of it, and the only change
        yield from _change_lines(changes[0], head, "")
        return
    yield head
    for change, note in zip(changes, _notes(section, changes, root), strict=True):
        path = change.path if change.source is None else f"{change.source} → {change.path}"
        yield from _change_lines(change, line(1, _CHANGE_SIGNS[change.op], path), note)


def _change_lines(change: Change, head: Line, note: str) -> Iterator[Line]:
    """A line that says what changed, with its values behind it where they are short, else below it."""
    beside = _beside(change, max(WIDTH - len(head.text), _LEAST))
    gap = (Span("  "),) if beside else ()
    end = (Span(f"  · {note}", "muted"),) if note else ()
    yield Line(head.level, head.sign, (*head.spans, *gap, *beside, *end))
    if not beside:
        yield from _below(change)


def _beside(change: Change, room: int) -> tuple[Span, ...]:
    """The values of a change in few characters; nothing where they are longer."""
    if change.op == "move":
        return (Span(brief(change.value, _HINT), "muted"),)
    if change.op == "replace":
        old, new = whole(change.old, _PAIR), whole(change.value, _PAIR)
        if old is None or new is None or len(old) + len(new) > min(room, _PAIR):
            return ()
        return (Span(old, "removed"), Span(" → "), Span(new, "added"))
    role: Role = "added" if change.op == "add" else "removed"
    text = whole(change.value if change.op == "add" else change.old, room)
    return () if text is None else (Span(text, role),)


def _below(change: Change) -> Iterator[Line]:
    if change.op == "replace" and (spans := text_change(change.old, change.value)):
        yield Line(2, " ", spans)
        return
    if change.op != "add":
        yield from (line(2, "-", text, "removed") for text in outline(change.old))
    if change.op != "remove":
        yield from (line(2, "+", text, "added") for text in outline(change.value))


def _in_reading_order(section: SectionDiff, root: str) -> Iterator[Change]:
    """The changes in their order, but what a list loses with the first ahead, not the last."""
    for (removes, above), group in groupby(
        section.changes, lambda change: (change.op == "remove", _above(change))
    ):
        changes = list(group)
        backwards = removes and len(changes) > 1 and isinstance(_at(section.after, above, root), list)
        yield from reversed(changes) if backwards else changes


def _above(change: Change) -> str:
    return change.path.rpartition("/")[0]


def _at(value: Json, path: str, root: str) -> Json:
    """What stands at a path that is read in the whole record, in the value of the section."""
    return follow(value, read_pointer(path[len(root) :]))


def _notes(section: SectionDiff, changes: list[Change], root: str) -> Iterator[str]:
    """For each change, if it is the first directly in an object or list: how many beside it are the same."""
    direct: dict[str, list[Change]] = defaultdict(list)
    for change in section.changes:
        direct[_above(change)].append(change)
    inside = _changed_inside(changes)
    for change in changes:
        above = _above(change)
        here = direct.pop(above, None)
        yield "" if here is None else _note(_at(section.after, above, root), here, inside[above])


def _note(around: Json, direct: list[Change], inside: set[str]) -> str:
    size = len(around) if isinstance(around, dict | list) else 0
    if isinstance(around, list):
        same, noun = _same_elements(size, direct, inside), "element"
    else:
        same, noun = size - len(inside) - sum(1 for change in direct if change.op == "add"), "member"
    return f"{counted(same, noun)} the same" if same else ""


def _same_elements(length: int, direct: list[Change], inside: set[str]) -> int:
    """How many elements of a list of that length neither came nor moved, and were not changed inside."""
    ops = Counter(change.op for change in direct)
    touched = bytearray(length - ops["add"] + ops["remove"])  # one byte an element, as it goes from place to place
    for change in direct:
        if change.op in ("remove", "move"):
            del touched[_place(change.source or change.path)]
        if change.op in ("add", "move"):
            touched.insert(_place(change.path), 1)
    for token in inside:
        touched[int(token)] = 1
    return touched.count(0)


def _place(path: str) -> int:
    return int(path.rpartition("/")[2])


def _changed_inside(changes: Iterable[Change]) -> dict[str, set[str]]:
    """For each path above a change: what directly in it was replaced or has a change in it, by its last place."""
    inside: dict[str, set[str]] = defaultdict(set)
    for change in changes:
        path = change.path if change.op == "replace" else _above(change)
        while path:
            above, _, last = path.rpartition("/")
            if last in inside[above]:
                break
            inside[above].add(last)
            path = above
    return inside
