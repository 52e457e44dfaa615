"""The compaction of a store: all that is in it, densely, in its next generation.

Readers and writers go on.  Every step leaves the successor sound and says how far it has come, so a compaction
that was interrupted goes on where it was; nothing of the present generation is touched but the mark that makes
puts note what they change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import attrs

from pithstore import garbage, journal, tombstones
from pithstore.collecting.collect import collect
from pithstore.compaction.carry import carry_blobs, carry_homeless, carry_sources, carry_whole
from pithstore.compaction.check import check
from pithstore.compaction.dictionary import tail_values, train, train_anew
from pithstore.compaction.pack import pack
from pithstore.compaction.sources import Packing
from pithstore.compaction.state import State, forget_state, read_state, write_state
from pithstore.digest import Digest
from pithstore.engine import Engine, Successor, Update, View
from pithstore.errors import Damaged, StoreBusy
from pithstore.keys import DICTIONARIES, META, SOURCES, SPACES, VERSIONS
from pithstore.packs.frames import next_sequence, read_dictionary, write_dictionary
from pithstore.report import CompactReport
from pithstore.stat import stat
from pithstore.survey import source_names

_SOURCES_AT_ONCE = 500
_FEW_SOURCES, _ROUNDS = 1000, 5
_ENTRIES_AT_ONCE = 1000

Progress = Callable[[int, int], None]
"""Is told how many versions are done, and of about how many: each is packed once and looked at once."""


def compact(engine: Engine, progress: Progress = lambda _done, _all: None) -> CompactReport:
    """What the store took and takes, when its next generation has taken over.

    Damaged where something cannot be read: then nothing has changed.  StoreBusy where another compaction goes on.
    """
    before = stat(engine)
    successor = engine.successor()
    try:
        if _may_hold_erased(engine, successor):
            successor.discard()
            successor = engine.successor()
        if engine.view(garbage.is_left):  # the totals count it, and it is not carried over
            collect(engine)
        packed = _Compaction(engine, successor, progress, 2 * before.versions).run()
    except Damaged:  # it is in the successor too, where nobody could mend it
        successor.discard()
        engine.update(journal.end)
        raise
    finally:
        successor.close()
    return CompactReport(versions=packed, before_bytes=before.stored_bytes, after_bytes=engine.stored_bytes())


def _may_hold_erased(engine: Engine, successor: Successor) -> bool:
    """Whether what another compaction left may hold what was erased since, in free pages too."""
    if successor.fresh or not engine.view(tombstones.is_unsettled):
        return False
    state = successor.view(read_state)
    return state is None or state.mark != engine.view(journal.mark_of)


class _Compaction:
    """One compaction, on its way.

    Where anything was erased since the store was made anew last, nothing is moved as it is: frames are opened and
    packed again, and dictionaries are trained anew.
    """

    def __init__(self, engine: Engine, successor: Successor, progress: Progress, steps: int) -> None:
        self._engine = engine
        self._successor = successor
        self._progress = progress
        self._steps = steps
        self._done = 0
        self._anew = engine.view(tombstones.is_unsettled)

    def run(self) -> int:
        state = self._begin()
        packed = 0
        if not state.checked:
            packing = Packing(self._marked_sources(), anew=self._anew)
            for reached, versions in pack(self._engine, self._successor, self._dictionary(), state, packing):
                state, packed = reached, packed + versions
                self._advance(versions)
            check(self._successor, self._advance, partial(self._bring, mark=state.mark))
            carry_homeless(self._engine, partial(self._bring, mark=state.mark))
            state = attrs.evolve(state, checked=True)
            self._successor.update(partial(write_state, state=state))
        self._carry_most(state.mark)
        self._successor.take_over(partial(_take_over, mark=state.mark, anew=self._anew))
        return packed

    def _bring(self, digests: Sequence[Digest], mark: int) -> None:
        self._engine.view(
            lambda view: self._successor.update(lambda update: carry_blobs(view, update, digests, mark))
        )

    def _advance(self, versions: int) -> None:
        self._done += versions
        self._progress(self._done, max(self._done, self._steps))

    def _begin(self) -> State:
        """Where the successor goes on: where it was left, or at the start."""
        mark = self._engine.view(journal.mark_of)
        state = self._successor.view(read_state)
        if state is not None and state.mark == mark:
            if not state.checked:
                self._successor.update(partial(_forget_beyond, key=state.key))
            return state
        if state is not None:
            for space in (*(space for space in SPACES if space != META), META):  # the state goes last
                while self._successor.update(partial(_forget_some, space=space)):
                    pass
        state = State(self._engine.update(journal.begin))
        self._successor.update(partial(write_state, state=state))
        return state

    def _marked_sources(self) -> frozenset[bytes]:
        """The keys of the sources that lack a section: they are not packed, but carried over as they are."""
        keys = self._engine.view(tombstones.marked_sources)
        for start in range(0, len(keys), _SOURCES_AT_ONCE):
            names = self._engine.view(partial(source_names, keys=keys[start : start + _SOURCES_AT_ONCE]))
            self._engine.update(partial(journal.note, sources=names))
        return frozenset(keys)

    def _dictionary(self) -> bytes:
        """A dictionary for the new frames; those of the frames that stay are carried over.

        A new one is made when the store has at least doubled, so there are few.
        """
        if self._anew:
            dictionary = self._engine.view(train_anew)
            self._successor.update(partial(write_dictionary, dictionary=dictionary))
            return dictionary
        known = self._engine.view(lambda view: view.scan(DICTIONARIES, limit=1000))
        self._successor.update(lambda update: update.put_many(DICTIONARIES, known))
        if known and self._engine.view(next_sequence) > self._engine.view(tail_values):
            return self._engine.view(partial(read_dictionary, name=known[0][0]))
        dictionary = self._engine.view(train)
        self._successor.update(partial(write_dictionary, dictionary=dictionary))
        return dictionary

    def _carry_most(self, mark: int) -> None:
        """Carry over what was written meanwhile, while others write, until little is left."""
        for _ in range(_ROUNDS):
            if self._carry_noted(mark) <= _FEW_SOURCES:
                return

    def _carry_noted(self, mark: int) -> int:
        """How many sources were noted, each carried over."""
        carried = 0
        after: bytes | None = None
        while notes := self._engine.view(partial(journal.changed, after=after, limit=_SOURCES_AT_ONCE)):
            self._carry([key for key, _ in notes], mark)
            self._engine.update(partial(journal.forget, notes=notes))
            carried, after = carried + len(notes), notes[-1][0]
        return carried

    def _carry(self, keys: Sequence[bytes], mark: int) -> None:
        self._engine.view(
            lambda view: self._successor.update(lambda update: carry_sources(view, update, keys, mark))
        )


def _forget_beyond(update: Update, key: bytes) -> None:
    """Take away what an interrupted step may have left of the source after the last complete one."""
    for space in (VERSIONS, SOURCES):
        after = key + b"\xff" if key else None
        while items := update.scan(space, after=after, limit=_ENTRIES_AT_ONCE):
            update.delete_many(space, [found for found, _ in items])


def _forget_some(update: Update, space: str) -> int:
    """How many entries more were taken away."""
    return update.delete_many(space, [key for key, _ in update.scan(space, limit=_ENTRIES_AT_ONCE)])


def _take_over(view: View, successor: Update, mark: int, *, anew: bool) -> None:
    """Bring the successor to what the store is now; nobody else writes meanwhile."""
    if journal.mark_of(view) != mark:
        raise StoreBusy("the ledger of declared digests was counted anew meanwhile; run compact again")
    after: bytes | None = None
    while notes := journal.changed(view, after, _SOURCES_AT_ONCE):
        carry_sources(view, successor, [key for key, _ in notes], mark)
        after = notes[-1][0]
    carry_whole(view, successor)
    if anew:
        tombstones.settle(successor)
    forget_state(successor)
    garbage.stop_noting(successor)
    journal.end(successor)
