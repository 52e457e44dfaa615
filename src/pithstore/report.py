"""What a look at the whole store says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypeAlias

import attrs

from pithstore.digest import Digest
from pithstore.model import Source
from pithstore.references import Ref
from pithstore.remedies import REMEDIES

How: TypeAlias = Literal["quick", "all", "deep"]
"""How much a verify looks at: the index; everything; the structure of the data file too."""


def _remedy(problem: Problem) -> str:
    return REMEDIES[problem.code]


@attrs.frozen
class Problem:
    """One thing that is not as it was stored: a stable code, a sentence, and what it is about as far as known.

    `affected` are the versions that use what is damaged; `remedy` says which command mends it.
    """

    code: str
    message: str
    source: Source | None = None
    number: int | None = None
    section: str | None = None
    digest: str | None = None
    affected: tuple[Ref, ...] = ()
    remedy: str = attrs.Factory(_remedy, takes_self=True)


@attrs.frozen
class VerifyReport:
    """What `verify` looked at, and what it found; `problems` is empty for a sound store.

    `warnings` are of what is no part of the data: the store is as it was without it.  `erased` is how many of the
    versions lack a section that was erased.
    """

    versions: int
    snapshots: int
    blobs: int
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()
    erased: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.problems


@attrs.frozen
class ScrubReport:
    """What a scrub looked at this time, and what it found.

    `began` is when the round began that it went on with, None for a sample, which is of no round; `covered` which
    part of the round was looked at by now, or of all versions by the sample, from 0 to 1.  With `ended` the round
    is over, and the next scrub begins anew.
    """

    versions: int
    snapshots: int
    blobs: int
    problems: tuple[Problem, ...]
    began: datetime | None
    covered: float
    ended: bool

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


@attrs.frozen
class BackupReport:
    """What a backup came to: a copy of all that the store had recorded `until` that moment.

    `versions`, of so many `sources` and with so many bytes of records, were copied now, as were so many recorded
    `checks`; `present` ones were there, and so were `kept` ones, which the store has forgotten since.
    `fingerprint` is that of the copy.  `agrees` says that the copy has every version of the cut, alike.
    """

    until: datetime
    sources: int
    versions: int
    record_bytes: int
    present: int
    kept: int
    checks: int
    fingerprint: str
    agrees: bool
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether the copy is whole."""
        return self.agrees and not self.problems


@attrs.frozen
class Forgotten:
    """How many versions were forgotten, or would be, and of how many sources."""

    sources: int
    versions: int


@attrs.frozen
class Lost:
    """A version that could not be saved, and what of it is `lacking`.

    `number` is None for all that a source had; `source` where its name is lost too.
    """

    source: Source | None
    number: int | None
    lacking: str


@attrs.frozen
class Salvaged:
    """What was got out of a damaged store: so many `versions` of so many `sources`, and recorded `checks`.

    `configured` says whether profile and limits are those of the damaged store; where these were lost, the new one
    has those that a store has by default.
    """

    sources: int
    versions: int
    checks: int
    configured: bool
    lost: tuple[Lost, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is known to be lost."""
        return not self.lost


@attrs.frozen
class Collected:
    """What a gc removed, or would: sections that nothing reached, and values in which nothing else lay.

    `blob_bytes` is how many bytes the sections had, `value_bytes` how many the values took on the medium: room
    that is used again, and given back by the next compaction.  Values that hold anything else stay until then.
    """

    blobs: int
    blob_bytes: int
    values: int
    value_bytes: int


@attrs.frozen
class ErasedReport:
    """What an erase came to: so many `sections` were taken out now, which had so many bytes.

    So many `versions` of so many `sources` lack one of what was `erased`, be it now or before.  `kept` are those
    of the source that stay, each with another source that has it.  With `pending` another process holds files with
    the bytes open: they go when it has ended, or reads the store again, and somebody erases once more.
    """

    sections: int
    section_bytes: int
    versions: int
    sources: int
    erased: tuple[Digest, ...]
    kept: Mapping[Digest, Source]
    pending: bool


@attrs.frozen
class RepairReport:
    """What a repair came to: how many problems of each code were mended, and what `verify` says now.

    `taken` is of how many versions the record was written again.  `setback` says why the store was not the state
    that its receipt knew of; then `missing_commits` are gone, None where that is not known, and `brought` versions
    came back from the copy.
    """

    mended: Mapping[str, int]
    taken: int
    verified: VerifyReport
    setback: str | None = None
    missing_commits: int | None = None
    brought: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing is broken any more."""
        return self.verified.ok
