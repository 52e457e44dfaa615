"""Builders run again for versions of a store, and what came of it kept.

Versions are looked up and compared in the thread of the caller; builders run beside each other where that is
asked for.  Results come in the order of the references.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import partial
from itertools import islice
from traceback import format_exception
from typing import TypeAlias

from attrs import evolve

from pithstore import records, versions
from pithstore.canonical import decode
from pithstore.configuration import Configuration
from pithstore.engine import Engine, View
from pithstore.errors import UsageError
from pithstore.horizon import OPEN, Horizon
from pithstore.model import Source, Version
from pithstore.record import Prepared
from pithstore.references import Ref
from pithstore.reproduction import checks
from pithstore.reproduction.recorded_check import RecordedCheck, builder_digest, check_of
from pithstore.reproduction.verdict import (
    Build,
    Failure,
    Output,
    Record,
    Reproduction,
    Rules,
    Side,
    check_output,
    judge,
    rules_of,
    source_of,
)
from pithstore.resolve import resolve

_PAGE = 256
_AHEAD = 2  # runs that are asked for, per thread: one goes on while another waits to be looked at
_LOG_LINES, _LINE_CHARACTERS = 10, 300

_Runs: TypeAlias = "tuple[Prepared, Prepared | None] | Failure"


def reproduce(
    engine: Engine,
    configuration: Configuration,
    refs: Iterable[Ref],
    build: Build,
    *,
    ignore: Iterable[str] = (),
    twice: bool = False,
    jobs: int | None = None,
    horizon: Horizon = OPEN,
) -> Generator[Reproduction, None, None]:
    """What comes of running a builder again for each version, in the order of the references.

    `jobs` is how many threads call the builder; None calls it in this thread.  At most 2 × jobs rebuilt records
    (4 × jobs with `twice`) are held at a time.  A builder that raises has failed; the rest goes on.  UsageError,
    NotFound, Ambiguous or Damaged for what cannot be looked up or read.
    """
    if jobs is not None and jobs < 1:
        raise UsageError(f"builders run in at least 1 job, not {jobs}")
    rules = rules_of(ignore, configuration.profile)
    run = partial(_run, build=build, configuration=configuration, twice=twice)
    ran = _in_order(run, _versions(engine, refs, horizon), jobs)
    return (_judge(engine, version, runs, rules) for version, runs in ran)


def _versions(engine: Engine, refs: Iterable[Ref], horizon: Horizon) -> Iterator[Version]:
    remaining = iter(refs)
    while page := list(islice(remaining, _PAGE)):
        yield from engine.view(partial(_resolve_all, refs=page, horizon=horizon))


def _resolve_all(view: View, refs: Iterable[Ref], horizon: Horizon) -> list[Version]:
    return [resolve(view, _whole(ref), horizon) for ref in refs]


def _whole(ref: Ref) -> Ref:
    if ref.pointer:
        raise UsageError(f"{ref} means a value; leave out '#' and what follows it: whole versions are built again")
    return ref


def _in_order(
    run: Callable[[Version], _Runs], versions: Iterable[Version], jobs: int | None
) -> Iterator[tuple[Version, _Runs]]:
    if jobs is None:
        for version in versions:
            yield version, run(version)
        return
    executor = ThreadPoolExecutor(jobs, "reproduce")
    asked: deque[tuple[Version, Future[_Runs]]] = deque()
    try:
        for version in versions:
            asked.append((version, executor.submit(run, version)))
            if len(asked) == _AHEAD * jobs:
                yield _first(asked)
        while asked:
            yield _first(asked)
    finally:  # without waiting: whoever owns the builder ends what runs
        executor.shutdown(wait=False, cancel_futures=True)


def _first(asked: deque[tuple[Version, Future[_Runs]]]) -> tuple[Version, _Runs]:
    version, future = asked.popleft()
    return version, future.result()


def _run(version: Version, build: Build, configuration: Configuration, twice: bool) -> _Runs:
    """The record of a run for a version, and that of a second one; or why the first that failed did."""
    first = _run_once(version, build, configuration)
    if isinstance(first, Failure) or not twice:
        return first if isinstance(first, Failure) else (first, None)
    second = _run_once(version, build, configuration)
    return (
        evolve(second, why=f"in the second run: {second.why}") if isinstance(second, Failure) else (first, second)
    )


def _run_once(version: Version, build: Build, configuration: Configuration) -> Prepared | Failure:
    return check_output(version, _call(build, version), configuration.profile, configuration.limits)


def _call(build: Build, version: Version) -> Record | Output | Failure:
    try:
        return build(source_of(version))
    except Exception as error:  # noqa: BLE001 - a builder is anybody's code: that it raised is the verdict on it
        lines = "".join(format_exception(error)).splitlines()[-_LOG_LINES:]
        log = tuple(line[:_LINE_CHARACTERS] for line in lines)
        return Failure("raised", f"the builder raised {type(error).__name__}: {error}", log)


def _judge(engine: Engine, version: Version, runs: _Runs, rules: Rules) -> Reproduction:
    if isinstance(runs, Failure):
        return Reproduction(version, "failed", failure=runs)
    return engine.view(lambda view: judge(version, _stored(view, version), *runs, rules))


def _stored(view: View, version: Version) -> Side:
    manifest = records.read_manifest(view, version)
    sections = {section.name: section for section in manifest.sections}
    return Side(manifest, lambda name: decode(records.read_sections(view, version, [sections[name]])[0]))


def record_check(engine: Engine, reproduction: Reproduction, checked_at: datetime) -> RecordedCheck:
    """What was kept of a reproduction; it is durable.  `checked_at` is when it was made, an aware datetime."""
    check = check_of(reproduction, checked_at)
    engine.update(lambda update: checks.append(update, check))
    return check


def recorded_checks(engine: Engine, source: Source | None = None) -> Iterator[RecordedCheck]:
    """The recorded checks of a source, oldest first; of all sources one after the other where none is named."""
    after: bytes | None = None
    while items := engine.view(partial(checks.page, source=source, after=after, limit=_PAGE)):
        yield from map(checks.read_check, items)
        after = items[-1][0]


def builder_named(engine: Engine, check: RecordedCheck) -> str | None:
    """The builder_version whose digest a recorded check has; None where the source has no version by it."""
    lines = engine.view(lambda view: versions.lines(view, check.source))
    names = (line.builder_version for line in lines)
    return next((name for name in names if builder_digest(name) == check.builder), None)
