"""The recorded checks, printed: what came of running builders again, and when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pithstore.cli import options
from pithstore.cli.output import print_json, print_line
from pithstore.cli.reproduction_text import listed
from pithstore.errors import UsageError
from pithstore.times import write_time

if TYPE_CHECKING:
    from pithstore.pointer import Json
    from pithstore.reader import Reader
    from pithstore.reproduction.recorded_check import RecordedCheck


def print_log(store: Reader, refs: tuple[str, ...]) -> None:
    """Print the checks of these sources and versions, or all of them."""
    if not refs:
        _print_checks(store, store.recorded_checks())
    for ref in refs:
        _print_checks(store, _checks_of(store, ref))


def _checks_of(store: Reader, text: str) -> Iterator[RecordedCheck]:
    """The checks of a source, or of the one version of it that a selector means."""
    from pithstore.reader import to_ref

    ref = to_ref(text)
    if ref.pointer:
        raise UsageError(f"{ref} means a value; leave out '#' and what follows it: whole versions are checked")
    version = store.version(ref)
    for check in store.recorded_checks(ref.source):
        if ref.selector is None or check.number == version.number:
            yield check


def _print_checks(store: Reader, checks: Iterator[RecordedCheck]) -> None:
    for check in checks:
        name = None if check.builder is None else store.builder_of(check)
        if options.wants_json():
            print_json(_as_json(check, name))
        else:
            print_line(_as_text(check, name))


def _as_json(check: RecordedCheck, rebuilt_by: str | None) -> Json:
    return {
        "source": str(check.source),
        "number": check.number,
        "checked_at": write_time(check.checked_at),
        "snapshot": str(check.snapshot),
        "verdict": check.verdict,
        "rebuilt": None if check.rebuilt is None else str(check.rebuilt),
        "rebuilt_by": rebuilt_by,
        "failure": check.failure,
        "changes": check.changes,
        "sections": list(check.sections),
        "pointers": list(check.pointers),
        "ignored": list(check.ignored),
    }


def _as_text(check: RecordedCheck, rebuilt_by: str | None) -> str:
    where = f" in {listed(check.sections)}" if check.sections else ""
    notes = [f"{check.verdict}{where}"]
    if check.failure is not None:
        notes.append(check.failure)
    if check.pointers:
        more = check.changes - len(check.pointers)
        notes.append(f"at {listed(check.pointers)}" + (f", {more:,} not kept" if more else ""))
    if check.ignored:
        notes.append(f"ignored {listed(check.ignored)}")
    if check.builder is not None:
        notes.append("by " + (rebuilt_by or f"a builder unknown here ({str(check.builder)[:12]})"))
    return f"{check.source}@{check.number}  {write_time(check.checked_at)}  {'; '.join(notes)}"
