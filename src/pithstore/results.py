"""What a put came to."""

from __future__ import annotations

import attrs

from pithstore.model import Version


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

    def plus(self, result: PutResult) -> PutSummary:
        """The summary with one more record in it."""
        return attrs.evolve(
            self,
            versions=self.versions + result.stored,
            unchanged=self.unchanged + (not result.stored),
            sections=self.sections + result.sections,
            new_sections=self.new_sections + result.new_sections,
        )
