"""The walk over the index: source by source, every version rebuilt and compared with all that is said of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain

from pithstore.digest import Digest
from pithstore.engine import Engine, View
from pithstore.errors import Damaged
from pithstore.fingerprint import fingerprint_of, source_form, sum_of
from pithstore.keys import source_slot
from pithstore.model import Source
from pithstore.packs.frame import Frame
from pithstore.packs.frames import Stream
from pithstore.packs.rebuild import Piece
from pithstore.profile import Profile
from pithstore.report import Problem
from pithstore.verifying.agreement import disagreements, sections_of_heads
from pithstore.verifying.entries import History, Page, Stretch, read_frame_of, read_page
from pithstore.verifying.erasures import ErasureCheck
from pithstore.verifying.found import Found, refs
from pithstore.verifying.homes import Sum, missing_rows, rows_of
from pithstore.verifying.identity import IdentityCheck
from pithstore.verifying.ledger import LedgerCheck
from pithstore.verifying.lost import Sections, difference, lost_sections
from pithstore.verifying.names import check_names
from pithstore.verifying.rebuilding import (
    NOTHING,
    Elsewhere,
    Expanded,
    LooseVersion,
    expand,
    rebuild_loosely,
    rebuild_without_frame,
    rebuilt_loosely,
)
from pithstore.verifying.said import Made, Said, time_text
from pithstore.verifying.totals import Counts, SlotCounts


class HistoryCheck:
    """Walks the sources; says each problem and counts what the totals should say.

    With `look_up_homes` each body in a sound frame is looked for in the places; else they are summed, to be
    compared as a whole.
    """

    def __init__(
        self,
        engine: Engine,
        profile: Profile,
        found: Found,
        advance: Callable[[int], None],
        *,
        look_up_homes: bool = False,
    ) -> None:
        self._engine = engine
        self._found = found
        self._advance = advance
        self._look_up_homes = look_up_homes
        self._identity = IdentityCheck(profile)
        self._elsewhere = Elsewhere(engine)
        self._dictionaries: dict[bytes, bytes | Damaged] = {}
        self.ledger = LedgerCheck(profile, found)
        self.erasures = ErasureCheck(engine, found)
        self.slots = SlotCounts()
        self.versions = self.snapshots = 0
        self.blobs = self.unique_bytes = 0
        self._rows = self._hashes = 0
        self.sound_frames: set[int] = set()
        self.unsound_frames: set[int] = set()

    @property
    def homes(self) -> Sum:
        """The sum of the rows that the places should have."""
        return Sum(self._rows, self._hashes)

    def run(self) -> None:
        """Check every source, from its entries to its name and from its name to its entries."""
        for page in self._pages():
            self._check(page)
        check_names(self._engine, self._found)

    def check_page(self, after: bytes | None, wanted: Callable[[bytes], bool]) -> Page | None:
        """The page from beyond that key, checked, of its sources those whose keys are wanted; None at the end."""
        page = self._engine.view(partial(self._read, after=after, wanted=wanted))
        if page is not None:
            self._learn(page)
            self._check(page)
        return page

    def _check(self, page: Page) -> None:
        for problem in page.problems:
            self._found(problem)
        loose = rebuilt_loosely(self._engine, page.histories)
        for history in page.histories:
            self._check_source(history, loose)

    def _pages(self) -> Iterator[Page]:
        after: bytes | None = None
        while page := self._engine.view(partial(self._read, after=after)):
            self._learn(page)
            after = page.after
            yield page

    def _read(
        self, view: View, after: bytes | None, wanted: Callable[[bytes], bool] = lambda _: True
    ) -> Page | None:
        return read_page(view, after, self._dictionaries.keys(), wanted=wanted)

    def _learn(self, page: Page) -> None:
        for mark in page.missing:
            message = f"dictionary {mark.hex()}, which frames need, is missing"
            self._found(Problem("dictionary-damaged", message), [("dictionary", mark)])
        self._dictionaries.update(page.dictionaries)

    def _check_source(self, history: History, loose: Iterator[LooseVersion]) -> None:
        for problem in chain(history.problems, disagreements(history)):
            self._found(problem)
        source = _Source(history)
        self._identity.begin(history.source)
        self.ledger.begin(history)
        for stretch in history.stretches:
            self._check_stretch(source, stretch)
        for said in history.loose:
            self._check_loose(source, said, next(loose), history.outcomes.get(said.number, b""))
        self.ledger.end()
        self.slots.add(source.slot, source.counts, known=history.complete)
        self.versions += history.versions
        self.snapshots += len(history.snapshots)
        self._advance(2 * history.versions - len(history.loose))  # a manifest in a frame too, and no other

    # Versions in frames.

    def _check_stretch(self, source: _Source, stretch: Stretch) -> None:
        try:
            expanded = self._expand(stretch)
        except Damaged as error:
            self._say_frame(source, stretch, str(error), stretch.columns.numbers)
            for said, outcomes in zip(stretch.said, stretch.columns.outcomes, strict=True):
                self._check_again(source, said, outcomes)
            return
        self._count_homes(expanded, stretch.run.position)
        self.erasures.say_present(expanded.homes, source.history.source)
        piece = self._elsewhere.rebuild(expanded)
        snapshots = list(piece.snapshots())
        if snapshots == stretch.columns.snapshots:
            self._check_piece(source, stretch, piece)
        else:
            self._check_row_by_row(source, stretch, expanded.frame, piece, snapshots)
        if self._look_up_homes and stretch.run.position not in self.unsound_frames:
            about = source.history.source
            look = partial(missing_rows, about=about, stretch=stretch, digests=expanded.homes)
            for problem in self._engine.view(look):
                self._found(problem)

    def _check_row_by_row(
        self, source: _Source, stretch: Stretch, frame: Frame, piece: Piece, snapshots: Sequence[bytes | None]
    ) -> None:
        """Look at the versions of a frame that are not all what its run says."""
        reason, lost = difference(stretch, snapshots)
        if reason is not None:
            self._say_frame(source, stretch, reason, lost)
        for row, (said, outcomes) in enumerate(zip(stretch.said, stretch.columns.outcomes, strict=True)):
            if row >= len(snapshots):
                self._check_again(source, said, outcomes)
            elif snapshots[row] == said.snapshot:
                self._check_version(source, said, piece, row, outcomes)
            else:
                look = partial(lost_sections, piece=piece, row=row, frame=frame)
                self._check_lost(source, said, look, outcomes)

    def _say_frame(self, source: _Source, stretch: Stretch, reason: str, lost: Sequence[int]) -> None:
        self.unsound_frames.add(stretch.run.position)
        about = source.history.source
        message = f"{about}: the frame of {stretch.numbers} is damaged ({reason})"
        self._found(Problem("frame-damaged", message, about, stretch.last, affected=refs(about, lost)))

    def _expand(self, stretch: Stretch) -> Expanded:
        packed = stretch.frame
        if packed is None:
            packed = self._engine.view(lambda view: read_frame_of(Stream(view), stretch.run))
        if isinstance(packed, Damaged):
            raise packed
        return expand(packed, self._dictionaries)

    def _count_homes(self, expanded: Expanded, position: int) -> None:
        rows = rows_of(expanded.homes, position)
        self._rows += len(rows)
        self._hashes += sum(map(hash, rows))
        self.blobs += len(expanded.homes)
        self.unique_bytes += expanded.home_bytes
        self._advance(len(expanded.homes))

    def _check_again(self, source: _Source, said: Said, outcomes: bytes) -> None:
        """Look at a version that its frame does not have: it may have been put again since."""
        again = rebuild_without_frame(self._engine, source.history.source, said)
        self._check_loose(source, said, again, outcomes)

    def _check_lost(self, source: _Source, said: Said, look: Callable[[View], Sections], outcomes: bytes) -> None:
        """Look at a version that does not come out of its frame as it was; `look` says which sections do not."""
        (again,) = rebuild_loosely(self._engine, [(source.history.source, said)])
        lost = [] if again.snapshot == said.snapshot else self._engine.view(look)
        for name, digest in lost:
            self._say_section(source, said, name, digest)
        if lost:
            self._skip(source)
        else:
            self._check_loose(source, said, again, outcomes)

    def missing_rows(self) -> Iterator[Problem]:
        """Which bodies of sound frames cannot be found by way of the places; all frames are expanded again.

        When it has ended `sound_frames` has the positions of these frames.
        """
        for page in self._pages():
            for history in page.histories:
                for stretch in history.stretches:
                    yield from self._missing_rows(history.source, stretch)

    def _missing_rows(self, about: Source, stretch: Stretch) -> Sequence[Problem]:
        if stretch.run.position in self.unsound_frames:
            return ()
        try:
            homes = self._expand(stretch).homes
        except Damaged:  # of another generation than before: it is all looked at again
            return ()
        self.sound_frames.add(stretch.run.position)
        return self._engine.view(partial(missing_rows, about=about, stretch=stretch, digests=homes))

    # Versions with an entry of their own.

    def _check_loose(self, source: _Source, said: Said, found: LooseVersion, outcomes: bytes | None) -> None:
        snapshot = Digest(said.snapshot)
        if found.manifest is None:
            self._say(
                source, "manifest-missing", said.number, "its manifest is damaged or missing", digest=str(snapshot)
            )
            self._skip(source)
        elif found.snapshot == snapshot:
            self._check_version(source, said, found.piece, found.row, outcomes)
        elif self.erasures.explain(source.history.source, said, found):
            source.count_lacking(found, said)
            self.ledger.skip()  # nobody knows what the sections that are gone declare
        else:
            self._say_sections(source, said, found, snapshot)
            self._skip(source)

    def _say_sections(self, source: _Source, said: Said, found: LooseVersion, snapshot: Digest) -> None:
        sound = True
        for section, ordinal in zip(
            (found.manifest or NOTHING).sections, found.piece.rows[found.row], strict=True
        ):
            if Digest.of(found.piece.bodies[ordinal] or b"") != section.digest:
                sound = False
                if self.erasures.is_erased(section.digest):
                    continue
                self._say_section(source, said, section.name, section.digest)
        if sound:
            what = f"its sections do not add up to snapshot {snapshot}"
            self._say(source, "snapshot-mismatch", said.number, what, digest=str(snapshot))

    def _say_section(self, source: _Source, said: Said, name: str, digest: Digest | None) -> None:
        blob = "" if digest is None else f" (blob {digest})"
        what = f"section {name!r}{blob} is damaged or missing"
        self._say(source, "section-damaged", said.number, what, name, None if digest is None else str(digest))

    def _say(
        self,
        source: _Source,
        code: str,
        number: int,
        what: str,
        section: str | None = None,
        digest: str | None = None,
    ) -> None:
        about = source.history.source
        affected = () if code == "line-wrong" else refs(about, [number])
        self._found(Problem(code, f"{about} version {number}: {what}", about, number, section, digest, affected))

    def _skip(self, source: _Source) -> None:
        """A version cannot be rebuilt: what its slot should say cannot be known."""
        self.ledger.skip()
        self.slots.unknown.add(source.slot)

    # Any version that adds up.

    def _check_version(self, source: _Source, said: Said, piece: Piece, row: int, outcomes: bytes | None) -> None:
        number, made = said.number, said.made
        difference = self._identity.difference(made, piece, row)
        if difference is not None:
            self._say(source, "identity-mismatch", number, difference)
        self.ledger.check(number, outcomes, piece, row)
        if number in source.heads:
            self._check_sections(source, number, made, len(piece.rows[row]))
        times = time_text(said.observed_at), time_text(said.recorded_at)
        source.counts.fingerprint += fingerprint_of(source.form, number, made.form, said.snapshot, *times)
        source.count(piece, row)

    def _check_piece(self, source: _Source, stretch: Stretch, piece: Piece) -> None:
        """Look at all versions of a frame, which add up."""
        numbers, snapshots, observed_at, recorded_at, _, outcomes = stretch.columns
        self.ledger.check_piece(numbers, outcomes, piece)
        for row, (number, made) in enumerate(zip(numbers, stretch.made, strict=True)):
            difference = self._identity.difference(made, piece, row)
            if difference is not None:
                self._say(source, "identity-mismatch", number, difference)
            if number in source.heads:
                self._check_sections(source, number, made, len(piece.rows[row]))
        rows = zip(
            numbers,
            [made.form for made in stretch.made],
            snapshots,
            map(time_text, observed_at),
            map(time_text, recorded_at),
            strict=True,
        )
        source.counts.fingerprint += sum_of(source.form, rows)
        source.count_all(piece)

    def _check_sections(self, source: _Source, number: int, made: Made, sections: int) -> None:
        said = source.heads[number]
        if said != sections:
            what = f"the head of builder {made.builder_version!r} says {said} sections"
            self._say(source, "line-wrong", number, what)


class _Source:
    """A source, as far as it has been checked."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.slot = source_slot(history.source)
        self.form = source_form(history.source)
        self.heads = sections_of_heads(history)
        self.counts = Counts(sources=min(history.versions, 1))

    def count(self, piece: Piece, row: int) -> None:
        counts = self.counts
        counts.versions += 1
        counts.sections += len(piece.rows[row])
        counts.canonical_bytes += piece.size(row)

    def count_lacking(self, found: LooseVersion, said: Said) -> None:
        """Count a version that lacks sections: their sizes are known."""
        counts, sections = self.counts, (found.manifest or NOTHING).sections
        counts.versions += 1
        counts.sections += len(sections)
        counts.canonical_bytes += found.piece.shapes[found.row].size + sum(section.size for section in sections)
        times = time_text(said.observed_at), time_text(said.recorded_at)
        counts.fingerprint += fingerprint_of(self.form, said.number, said.made.form, said.snapshot, *times)

    def count_all(self, piece: Piece) -> None:
        counts = self.counts
        counts.versions += len(piece.rows)
        counts.sections += piece.sections
        counts.canonical_bytes += piece.total
