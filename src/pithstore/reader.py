"""What a store says, within a horizon: its records, its history, and what changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from datetime import datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING

from pithstore import meta, records, versions
from pithstore.canonical import canonical, decode
from pithstore.digest import Digest
from pithstore.engine import Engine, View
from pithstore.errors import NotFound, UsageError
from pithstore.horizon import OPEN, Horizon
from pithstore.model import Manifest, Source, Version
from pithstore.pointer import Json, follow
from pithstore.references import Ref, read_ref
from pithstore.resolve import resolve
from pithstore.times import read_time

if TYPE_CHECKING:  # what a diff or a log needs is imported when one is asked for
    import pyarrow as pa

    from pithstore.builders.comparison import BuilderComparison, BuilderSummary
    from pithstore.configuration import Configuration
    from pithstore.declared.declarations import Drift
    from pithstore.declared.report import DeclaredReport, Finding
    from pithstore.diff.comparison import Diff, Status
    from pithstore.diff.list_keys import ListKey
    from pithstore.export.archive import ArchiveTrailer
    from pithstore.export.tables import Row, TableName
    from pithstore.history.blame import Blame
    from pithstore.history.conflicts import Conflict
    from pithstore.history.log import LogEntry, LogFilter
    from pithstore.history.matrix import Matrix
    from pithstore.history.who import Holder
    from pithstore.profile import Verdict
    from pithstore.report import Stat
    from pithstore.reproduction.recorded_check import RecordedCheck
    from pithstore.reproduction.verdict import Build, Reproduction

_PAGE = 256


class Reader:
    """Everything that is read from a store, within its horizon: of the versions beyond it nothing is seen.

    A method that takes a reference takes a `Source`, a `Version`, a `Ref` or the text of one.  What a method
    returns was verified.  A selector chooses among the versions within the horizon; without a selector, the
    version as of the horizon's time of observation is meant, and the newest where it has none.
    """

    def __init__(self, engine: Engine, horizon: Horizon = OPEN) -> None:
        self._engine = engine
        self.horizon = horizon

    @cached_property
    def configuration(self) -> Configuration:
        """The profile and the limits that the store was created with."""
        return self._engine.view(meta.read_configuration)

    def version(self, ref: Ref | Source | Version | str) -> Version:
        """The version that a reference means; NotFound or Ambiguous where it means none or several."""
        return self._engine.view(partial(self._resolve, ref=to_ref(ref)))

    def _resolve(self, view: View, ref: Ref) -> Version:
        return resolve(view, ref, self.horizon)

    def _whole(self, ref: Ref | Source | Version | str) -> Ref:
        """The reference, which must mean a whole version."""
        whole = to_ref(ref)
        if whole.pointer:
            raise UsageError(f"{whole} means a value; leave out '#' and what follows it to mean the whole version")
        return whole

    def get(self, ref: Ref | Source | Version | str) -> Json:
        """The record that a reference means, or with `#` the value inside it, verified."""
        return decode(self.get_bytes(ref))

    def get_bytes(self, ref: Ref | Source | Version | str) -> bytes:
        """The canonical bytes of what `get` returns; of a whole record their SHA-256 is its snapshot hash."""
        return self._engine.view(partial(_get_bytes, ref=to_ref(ref), horizon=self.horizon))

    def manifest(self, ref: Ref | Source | Version | str) -> Manifest:
        """The sections of the version that a reference means, with their digests and sizes."""
        whole = self._whole(ref)
        return self._engine.view(lambda view: records.read_manifest(view, self._resolve(view, whole)))

    def blob(self, digest: Digest) -> bytes:
        """The bytes with that SHA-256, the canonical form of a section; of any time, as it names no version."""
        return self._engine.view(partial(records.read_blob, digest=digest))

    def stat(self) -> Stat:
        """How much the store holds, within any horizon and beyond."""
        from pithstore.stat import stat

        return stat(self._engine)

    def history(self, source: Ref | Source | str) -> Iterator[Version]:
        """The versions of a source, oldest first; NotFound for a source that has none."""
        wanted = self._known(source)
        after: int | None = None
        while page := self._engine.view(partial(versions.page, source=wanted, after=after, limit=_PAGE)):
            yield from filter(self.horizon.holds, page)
            after = page[-1].number

    def log(self, source: Ref | Source | str, only: LogFilter | None = None) -> Iterator[LogEntry]:
        """The versions of a source, oldest first, each with the sections that changed in it.

        Changed means: since the version before it by number within the horizon.  `only` leaves entries out.
        """
        from pithstore.history.log import log

        return log(self._engine, self._known(source), self.horizon, only)

    def _known(self, source: Ref | Source | str) -> Source:
        ref = to_ref(source)
        if ref.selector is not None or ref.pointer:
            raise UsageError(f"{ref} means one version; a history is of a source: {ref.source}")
        self.version(ref)
        return ref.source

    def sources(self) -> Iterator[Source]:
        """The sources that have a version within the horizon, in order of kind, then id."""
        if self.horizon.is_open:
            for page in self._source_pages():
                yield from self._engine.view(partial(versions.left, sources=page))
        else:
            yield from (version.source for version in self.latest())

    def latest(self) -> Iterator[Version]:
        """The version of each source that its bare reference means, in order of kind, then id."""
        for page in self._source_pages():
            yield from self._engine.view(partial(_latest, sources=page, horizon=self.horizon))

    def _source_pages(self) -> Iterator[list[Source]]:
        from pithstore import sources

        after: Source | None = None
        while page := self._engine.view(partial(sources.page, after=after, limit=_PAGE)):
            yield page
            after = page[-1]

    def diff(
        self,
        before: Ref | Source | Version | str,
        after: Ref | Source | Version | str,
        sections: Collection[str] = (),
        keys: Iterable[ListKey] = (),
    ) -> Diff:
        """What leads from one version to the other, section by section; `sections` compares these alone.

        Iterated it gives the changes: RFC 6902 operations on the whole record.  Sections with equal digests are
        not read.  `keys` say how the elements of lists are known, beside and before those of the profile.
        """
        from pithstore.diff.compare import compare
        from pithstore.diff.list_keys import with_list_keys

        old, new = self._whole(before), self._whole(after)
        known = with_list_keys(self.configuration.profile.list_keys, keys)
        return self._engine.view(
            lambda view: compare(view, self._resolve(view, old), self._resolve(view, new), sections, known)
        )

    def compare(
        self,
        before: Ref | Source | Version | str,
        after: Ref | Source | Version | str,
        sections: Collection[str] = (),
    ) -> dict[str, Status]:
        """What became of each section from one version to the other, by name in order, from digests alone.

        `sections` asks for these alone.
        """
        from pithstore.diff.compare import compare_digests

        old, new = self._whole(before), self._whole(after)
        return self._engine.view(
            lambda view: compare_digests(view, self._resolve(view, old), self._resolve(view, new), sections)
        )

    def matrix(self, source: Ref | Source | str) -> Matrix:
        """The sections of a source against its versions: what became of each in each."""
        from pithstore.history.matrix import matrix

        return matrix(self._engine, self._known(source), self.horizon)

    def blame(self, ref: Ref | Source | Version | str) -> list[Blame]:
        """Who set each value of a version, or with `#` those at and below the pointer, through moves in lists."""
        from pithstore.history.blame import blame

        wanted = to_ref(ref)
        keys = self.configuration.profile.list_keys
        return blame(self._engine, self.version(wanted), wanted.pointer, self.horizon, keys)

    def who(self, digest: Digest) -> Iterator[Holder]:
        """Every version with a section of that digest; the index and all manifests are looked through."""
        from pithstore.history.who import who

        return who(self._engine, digest, self.horizon)

    def builders(self, progress: Callable[[int], None] | None = None) -> list[BuilderSummary]:
        """The builders with what they made and when, by when their first version was recorded.

        `progress` is told how many sources more have been looked at.
        """
        from pithstore.builders.listing import builders

        return builders(self._engine, self.horizon, progress)

    def compare_builders(
        self, before: str, after: str, progress: Callable[[int], None] | None = None
    ) -> BuilderComparison:
        """What one builder changed against another, of the source versions that both made.

        Told from digests; sections are read in a bounded sample.  NotFound where one of them made nothing.
        """
        from pithstore.builders.compare import compare_builders

        profile = self.configuration.profile
        return compare_builders(self._engine, before, after, self.horizon, profile, progress)

    def export_archive(
        self,
        write: Callable[[bytes], object],
        *,
        sources: Collection[Source] = (),
        builder: str | None = None,
        walked: Callable[[int], None] = lambda _: None,
        left_out: Callable[[int], None] = lambda _: None,
    ) -> ArchiveTrailer:
        """What the archive adds up to whose pieces were given to `write`: every version with its record, verified.

        `sources` and `builder` leave the others out; `walked` is told how many versions more have been looked at,
        `left_out` how many of them are not in the archive, as they lack a section that was erased.
        """
        from pithstore.export.filter import ExportFilter
        from pithstore.export.write_archive import export_archive

        only = ExportFilter(self.horizon, tuple(sources), builder)
        return export_archive(self._engine, write, only, walked, left_out)

    def table_rows(
        self,
        table: TableName,
        *,
        sources: Collection[Source] = (),
        builder: str | None = None,
        sections: Collection[str] = (),
        walked: Callable[[int], None] = lambda _: None,
        left_out: Callable[[int], None] = lambda _: None,
    ) -> Iterator[Row]:
        """The rows of a table, versions, changes or blobs, by source, number and section.

        What the others mean is said at `export_archive`; `sections` are the only ones that have rows;
        `left_out` is told how many sections more were erased and have no row among the blobs.
        """
        from pithstore.export.filter import ExportFilter
        from pithstore.export.rows import table_rows

        only = ExportFilter(self.horizon, tuple(sources), builder, tuple(sections))
        return table_rows(self._engine, table, only, walked, left_out)

    def versions_table(self) -> pa.Table:
        """A row for each version, as an Arrow table; UsageError where pyarrow is not installed."""
        from pithstore.export.arrow_tables import versions_table

        return versions_table(self._engine, self.horizon)

    def reproduce(
        self,
        refs: Iterable[Ref | Source | Version | str],
        build: Build,
        *,
        ignore: Iterable[str] = (),
        twice: bool = False,
        jobs: int | None = None,
    ) -> Generator[Reproduction, None, None]:
        """What comes of running a builder again for each version, compared with what is stored, in order.

        `build` takes the source as {"kind", "id", "version"} and gives a record.  `ignore` are JSON Pointers to
        leave out, `twice` runs it two times, `jobs` is how many threads call it; None calls it in this thread.
        """
        from pithstore.reproduction.reproduce import reproduce

        return reproduce(
            self._engine,
            self.configuration,
            map(to_ref, refs),
            build,
            ignore=ignore,
            twice=twice,
            jobs=jobs,
            horizon=self.horizon,
        )

    def recorded_checks(self, source: Ref | Source | str | None = None) -> Iterator[RecordedCheck]:
        """The results of `reproduce` that were kept: of one source, oldest first, or of all, source by source."""
        from pithstore.reproduction.reproduce import recorded_checks

        return recorded_checks(self._engine, None if source is None else self._known(source))

    def builder_of(self, check: RecordedCheck) -> str | None:
        """The builder that a recorded check names by its digest; None where the source has no version by it."""
        from pithstore.reproduction.reproduce import builder_named

        return builder_named(self._engine, check)

    def declared(self) -> DeclaredReport:
        """How often each outcome of declared digests was met, by section, from the ledger that puts keep."""
        from pithstore.declared.report import declared_report

        return declared_report(self._engine, self.horizon)

    def declared_findings(
        self,
        source: Ref | Source | str | None = None,
        *,
        section: str | None = None,
        outcome: Verdict | Drift | None = None,
    ) -> Iterator[Finding]:
        """What became of each declared digest: everywhere, of one source, of one section, with one outcome."""
        from pithstore.declared.report import Wanted, findings

        only = None if source is None else self._known(source)
        return findings(self._engine, Wanted(only, section, outcome), self.horizon)

    def conflicts(self, source: Ref | Source | str | None = None) -> Iterator[Conflict]:
        """Where one builder made different contents of one source version: everywhere, or of one source."""
        from pithstore.history.conflicts import conflicts

        return conflicts(self._engine, self.horizon, None if source is None else self._known(source))


def to_ref(ref: Ref | Source | Version | str) -> Ref:
    """The reference that was given; UsageError for a text that is none."""
    if isinstance(ref, str):
        return read_ref(ref)
    if isinstance(ref, Ref):
        return ref
    if isinstance(ref, Source):
        return Ref(ref)
    from pithstore.selectors import ByNumber

    return Ref(ref.source, ByNumber(ref.number))


def horizon_of(at: datetime | str | None, as_recorded: datetime | str | None, builder: str | None) -> Horizon:
    """The horizon at these moments, given as aware datetimes or as text."""
    return Horizon(_moment(at), _moment(as_recorded), builder)


def _moment(moment: datetime | str | None) -> datetime | None:
    return read_time(moment) if isinstance(moment, str) else moment


def _latest(view: View, sources: Iterable[Source], horizon: Horizon) -> list[Version]:
    from pithstore.select import select

    found = (select(view, source, None, horizon) for source in sources)
    return [version for version in found if version is not None]


def _get_record(view: View, ref: Ref, horizon: Horizon) -> bytes:
    number = getattr(ref.selector, "number", None)  # that of a ByNumber, which need not be imported for it
    packed = None if number is None or not horizon.is_open else records.read_packed(view, ref.source, number)
    return records.read_record(view, resolve(view, ref, horizon)) if packed is None else packed


def _get_bytes(view: View, ref: Ref, horizon: Horizon) -> bytes:
    if not ref.pointer:
        return _get_record(view, ref, horizon)
    version = resolve(view, ref, horizon)
    section, *tokens = ref.pointer
    body = records.read_section(view, version, section)
    if not tokens:
        return body
    try:
        return canonical(follow(decode(body), tokens))
    except NotFound:
        raise NotFound(f"{ref} leads nowhere: there is no such value in section {section!r}") from None
