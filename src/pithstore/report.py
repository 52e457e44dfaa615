"""What a look at the whole store says."""

from __future__ import annotations

import attrs

from pithstore.model import Source


@attrs.frozen
class Problem:
    """One thing that is not as it was stored: a stable code, a sentence, and what it is about as far as known."""

    code: str
    message: str
    source: Source | None = None
    number: int | None = None
    section: str | None = None
    digest: str | None = None


@attrs.frozen
class VerifyReport:
    """What `verify` looked at, and what it found; `problems` is empty for a sound store."""

    versions: int
    snapshots: int
    blobs: int
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.problems


@attrs.frozen
class Stat:
    """How much a store holds.

    `sections` counts those of all versions; `canonical_bytes` is what all versions would take written out,
    `unique_bytes` what their distinct sections take, `stored_bytes` what the store takes on the medium.
    """

    sources: int
    versions: int
    snapshots: int
    blobs: int
    sections: int
    canonical_bytes: int
    unique_bytes: int
    stored_bytes: int

    @property
    def dedupe_ratio(self) -> float | None:
        """Canonical bytes by unique bytes; None for an empty store."""
        return self.canonical_bytes / self.unique_bytes if self.unique_bytes else None


@attrs.frozen
class CompactReport:
    """What a compaction came to: versions packed anew, and bytes on the medium before and after.

    After it the old generation is still counted where another process has it open.
    """

    versions: int
    before_bytes: int
    after_bytes: int
