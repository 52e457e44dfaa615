"""What a put came to."""

from __future__ import annotations

import attrs

from pithstore.model import Source, Version


@attrs.frozen
class Outcome:
    """What became of one record in a transaction: which version of its source says it now.

    `version` is that version where the transaction brought it, None where it was there before: nobody has read it.
    The rest is as in `PutResult`.
    """

    source: Source
    number: int
    version: Version | None
    stored: bool
    sections: int
    new_sections: int


@attrs.frozen
class PutResult:
    """What a put of one record came to, once it is durable.

    `stored` is False where the line said the same already; `version` is then the version that says it.
    `new_sections` counts the sections that no snapshot had before.
    """

    version: Version
    stored: bool
    sections: int
    new_sections: int


@attrs.frozen
class PutSummary:
    """What a put of many records came to; `records` is the sum of the next three."""

    versions: int = 0
    unchanged: int = 0
    refused: int = 0
    sections: int = 0
    new_sections: int = 0

    @property
    def records(self) -> int:
        """How many records were given."""
        return self.versions + self.unchanged + self.refused

    def plus(self, *results: PutResult | Outcome) -> PutSummary:
        """The summary with these records in it too."""
        stored = sum([result.stored for result in results])
        return attrs.evolve(
            self,
            versions=self.versions + stored,
            unchanged=self.unchanged + len(results) - stored,
            sections=self.sections + sum([result.sections for result in results]),
            new_sections=self.new_sections + sum([result.new_sections for result in results]),
        )
