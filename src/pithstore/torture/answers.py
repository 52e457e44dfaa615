"""All that a small store answers, call by call, to be held against what it answered when it was sound."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial

import attrs

from pithstore.errors import PithstoreError
from pithstore.model import Version
from pithstore.store import Store
from pithstore.store import open as open_store


@attrs.frozen
class Answers:
    """What each call answered, or `refused` where it said why not; and what verify said."""

    said: dict[str, str]
    refused: dict[str, str]
    problems: tuple[str, ...]
    named: frozenset[str]
    """The versions, as `source@number`, that a problem is about."""

    @property
    def alarmed(self) -> bool:
        """Whether verify, or any call, said that something is wrong."""
        return bool(self.refused or self.problems)


def answers(path: str) -> Answers:
    """All answers of the store at that path."""
    asked = _Asked()
    asked.ask("open", partial(_open, path))
    if asked.refused:
        return Answers(asked.said, asked.refused, (), frozenset())
    with open_store(path, readonly=True) as store:
        for call, question in _questions(store, asked):
            asked.ask(call, question)
        return _with_report(store, asked)


def _with_report(store: Store, asked: _Asked) -> Answers:
    try:
        problems = store.verify().problems
    except PithstoreError as error:
        return Answers(asked.said, asked.refused, (str(error),), frozenset())
    named = frozenset(f"{problem.source}@{problem.number}" for problem in problems)
    return Answers(asked.said, asked.refused, tuple(f"{each.code}: {each.message}" for each in problems), named)


class _Asked:
    def __init__(self) -> None:
        self.said: dict[str, str] = {}
        self.refused: dict[str, str] = {}

    def ask(self, call: str, question: Callable[[], str]) -> None:
        try:
            self.said[call] = question()
        except PithstoreError as error:
            self.refused[call] = str(error)


def _open(path: str) -> str:
    open_store(path, readonly=True).close()
    return "opens"


def _questions(store: Store, asked: _Asked) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "sources", lambda: " ".join(map(str, store.sources()))
    yield "stat", lambda: str(attrs.evolve(store.stat(), stored_bytes=0))
    for source in asked.said.get("sources", "").split():
        yield f"history {source}", partial(_history, store, source)
        for line in asked.said.get(f"history {source}", "").splitlines():
            number, builder, snapshot, observed_at = line.split(" ")
            for selector in (number, f"builder={builder}", observed_at, f"sha256:{snapshot}"):
                reference = f"{source}@{selector}"
                yield f"get {reference}", partial(_hash, store, reference)


def _history(store: Store, source: str) -> str:
    return "\n".join(map(_line, store.history(source)))


def _line(version: Version) -> str:
    observed_at = version.observed_at.isoformat().replace("+00:00", "Z")
    return f"{version.number} {version.builder_version} {version.snapshot.hex()} {observed_at}"


def _hash(store: Store, reference: str) -> str:
    return hashlib.sha256(store.get_bytes(reference)).hexdigest()
