"""The index alone: what it says of each source decodes and agrees; no manifest, blob or frame is read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import chain

from pithstore.engine import Engine
from pithstore.verifying.agreement import disagreements
from pithstore.verifying.entries import read_page
from pithstore.verifying.found import Found
from pithstore.verifying.names import check_names


class IndexCheck:
    """Walks the index; says each problem and counts the versions."""

    def __init__(self, engine: Engine, found: Found, advance: Callable[[int], None]) -> None:
        self._engine = engine
        self._found = found
        self._advance = advance
        self.versions = self.snapshots = 0

    def run(self) -> None:
        """Check the entries of every source, and the names."""
        after: bytes | None = None
        while page := self._engine.view(partial(read_page, after=after, frames=False)):
            after = page.after
            for problem in chain(
                page.problems, *[chain(each.problems, disagreements(each)) for each in page.histories]
            ):
                self._found(problem)
            versions = sum(history.versions for history in page.histories)
            self.versions += versions
            self.snapshots += sum(len(history.snapshots) for history in page.histories)
            self._advance(versions)
        check_names(self._engine, self._found)
