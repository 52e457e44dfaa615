"""What keeps a store sound and small: verify and scrub, backup and repair, compact, forget and gc."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pithstore.digest import Digest
from pithstore.engine import Engine
from pithstore.errors import StoreBusy, UsageError
from pithstore.reader import Reader, to_ref
from pithstore.times import read_time

if TYPE_CHECKING:  # what is needed is imported when it is asked for
    from pithstore.isolated import Apart
    from pithstore.model import Source, Version
    from pithstore.references import Ref
    from pithstore.report import (
        BackupReport,
        Collected,
        CompactReport,
        ErasedReport,
        Forgotten,
        How,
        RepairReport,
        ScrubReport,
        VerifyReport,
    )


def read_target(text: str) -> Source | Digest:
    """The digest of 64 hexadecimal digits, or else the source, that a text means."""
    if _DIGEST.fullmatch(text):
        return Digest.from_text(text)
    ref = to_ref(text)
    if ref.selector is not None or ref.pointer:
        raise UsageError(f"{text} means one version: erase a source, {ref.source}, or the digest of a section")
    return ref.source


_DIGEST = re.compile("[0-9a-f]{64}")


def _say_nothing(_done: int, _all: int) -> None: ...


class Upkeep(Reader):
    """A store that can be looked after.

    `path` is where it lies, if it lies anywhere; with `apart`, what may end this process is done in another one.
    """

    def __init__(
        self, engine: Engine, *, auto_compact: bool, path: str | None, readonly: bool, apart: Apart | None
    ) -> None:
        super().__init__(engine)
        self._auto_compact = auto_compact
        self._path, self._readonly = path, readonly
        self._apart = apart

    def verify(self, progress: Callable[[int, int], None] | None = None, how: How = "all") -> VerifyReport:
        """What reading everything again has shown; `progress` is told (entries done, entries in all).

        With "quick" the index is read alone; "deep" walks the structure of the data file first, while nobody
        writes, and where that is damaged nothing more is read.
        """
        if how not in ("quick", "all", "deep"):
            raise UsageError(f"{how!r} is no way to verify: give 'quick', 'all' or 'deep'")
        if self._apart is not None:
            return self._apart.verify(progress or _say_nothing, how)
        from pithstore.verify import verify

        return verify(self._engine, self.configuration, progress, how)

    def scrub(
        self,
        *,
        max_duration: float | None = None,
        sample: float | None = None,
        stop: Callable[[], bool] = lambda: False,
        progress: Callable[[int, int], None] | None = None,
    ) -> ScrubReport:
        """What a part of the store has shown: `verify` that goes on where the last scrub stopped.

        It ends with the round, which covers everything but the sums; or after `max_duration` seconds, or when
        `stop` says so, asked behind each page.  With a `sample`, a share above 0, up to 1, that part of the
        sources is looked at instead, each chosen by chance, and the round stays where it is.  `progress` is told
        (entries done, about how many in all).
        """
        from time import monotonic

        from pithstore.scrub import sample as look_at_sample
        from pithstore.scrub import scrub

        end = None if max_duration is None else monotonic() + max_duration

        def stopped() -> bool:
            return stop() or (end is not None and monotonic() >= end)

        if sample is not None:
            if not 0 < sample <= 1:
                raise UsageError(f"a sample is a share above 0, up to 1, and not {sample}")
            return look_at_sample(self._engine, self.configuration, sample, stopped, progress or _say_nothing)
        return scrub(self._engine, self.configuration, datetime.now(UTC), stopped, progress or _say_nothing)

    def backup(
        self, directory: str | os.PathLike[str], progress: Callable[[int, int], None] | None = None
    ) -> BackupReport:
        """What copying all that the store has recorded by now into a store in that directory came to.

        It is created if there is none; one of earlier backups gets what it lacks.  Others may go on writing.  Each
        version is hashed on its way, and read again from the copy; `progress` is told (versions copied, about how
        many in all).  One that was interrupted is gone on with by the next.  UsageError where the directory holds
        another store, or this one.
        """
        from pithstore.copying.backup import backup

        return backup(self._engine, directory, self._path, progress or _say_nothing, exact=not self._readonly)

    def repair(
        self,
        source: str | os.PathLike[str] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> RepairReport:
        """What mending all that `verify` reports came to: from the store itself, and from another copy of it.

        `source` is a store or an archive of `export`; what is taken from it is hashed first.  It can be
        interrupted, and run again; `progress` is told what that of `verify` is, anew with every look.
        """
        if self._apart is not None:
            return self._apart.repair(source, progress or _say_nothing)
        from pithstore.repairing.from_path import repair_from

        return repair_from(self._engine, self._path, source, progress or _say_nothing)

    def compact(self, progress: Callable[[int, int], None] | None = None) -> CompactReport:
        """What writing the store anew, densely, came to; `progress` is told (steps done, about how many in all).

        Others may go on reading and writing.  An interrupted compaction goes on where it was.  Damaged where
        something cannot be read, StoreBusy where another compaction goes on, StorageFailed where the disk is full:
        the store is then as it was.
        """
        from pithstore.compaction.compact import compact

        return compact(self._engine, progress or _say_nothing)

    def forget(
        self,
        *refs: Ref | Version | str,
        keep_last: int | None = None,
        before: datetime | str | None = None,
        sources: Collection[Source] = (),
        dry_run: bool = False,
        told: Callable[[Sequence[Version]], None] = lambda _: None,
    ) -> Forgotten:
        """How many versions were forgotten: those that the references mean, or those that a rule drops.

        A rule is of the sources that are named, of all if none is: `keep_last` so many versions of each line, or
        drop what was observed `before` a moment but for the newest version of each line; newest goes by number.
        With `dry_run` nothing is forgotten.  `told` is told which they were, those of one source at a time.

        A number is never given again.  `gc` removes what nothing reaches any more.  NotFound where a reference
        means nothing: then nothing is forgotten.  StoreBusy where a compaction, gc or forget goes on.
        """
        from pithstore.forgetting.forget import choose, forget, preview

        moment = read_time(before) if isinstance(before, str) else before
        chosen = choose([to_ref(ref) for ref in refs], sources, keep_last, moment)
        if dry_run:
            return preview(self._engine, chosen, told)
        return forget(self._engine, chosen, self.configuration.profile, told)

    def gc(self, progress: Callable[[int, int], None] | None = None, *, apply: bool = False) -> Collected:
        """What nothing reaches any more; with `apply` it is removed.

        Others may go on reading and putting.  `progress` is told (steps done, about how many in all).  StoreBusy
        where a compaction, gc or forget goes on; Damaged where nobody can tell what a version names.
        """
        from pithstore.collecting.collect import gc, preview

        return (gc if apply else preview)(self._engine, progress or _say_nothing)

    def erase(
        self,
        what: Source | Digest | str,
        *,
        reason: str,
        everywhere: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> ErasedReport:
        """What was erased: a section by its digest, or all sections of a source that say anything of their own.

        Their bytes are taken off the medium: the store is made anew without them.  When and why stays; to read
        them is Erased from now on, to put them again InvalidRecord.  Sections that other sources have too stay, a
        digest that several have is a UsageError, unless `everywhere` is said.

        Others may go on reading and putting.  What was interrupted is gone on with by erasing again.  NotFound
        where there is nothing of the kind; StoreBusy where a compaction, gc or forget goes on.  `progress` is told
        (steps done, about how many in all).
        """
        from pithstore.erasing.erase import erase

        target = read_target(what) if isinstance(what, str) else what
        now = datetime.now(UTC)
        return erase(self._engine, target, reason, now, progress or _say_nothing, everywhere=everywhere)

    def loose_bytes(self) -> int:
        """How many bytes of the store are not compacted, where `compact` would pay; else 0."""
        from pithstore.compaction.advice import loose_bytes

        return loose_bytes(self._engine)

    def _compact_if_wanted(self) -> None:
        if self._auto_compact and self.loose_bytes():
            with suppress(StoreBusy):  # somebody else does it
                self.compact()
