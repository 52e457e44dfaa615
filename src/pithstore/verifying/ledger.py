"""The ledger of declared digests: each entry against what the records say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from pithstore.declared.declared_bytes import Declaring, find_declaring
from pithstore.declared.ledger import Ledger, Tally, add, decode_outcomes, encode_declarations, outcome_code, tally
from pithstore.keys import SLOTS, source_slot
from pithstore.packs.frame import Shape, read_name
from pithstore.packs.rebuild import Piece
from pithstore.profile import DECLARED, Profile
from pithstore.report import Problem
from pithstore.verifying.entries import History
from pithstore.verifying.found import Found

_NAME = DECLARED.encode()
_SHORT, _KEPT = 1024, 4096

_Told = tuple[Shape, bytes]
"""The names of the sections of a version, and what became of what they declare."""


class LedgerCheck:
    """Goes through the versions of one source after the other; counts what the ledger should say.

    `unknown` has the slots that cannot be counted: a version in them cannot be read.
    """

    def __init__(self, profile: Profile, found: Found) -> None:
        self._declares = profile.declared != "none"
        self._found = found
        self._counts: list[Counter[_Told]] = [Counter() for _ in range(SLOTS)]
        self._memo: dict[tuple[str, bytes], Declaring | None] = {}
        self.unknown: set[int] = set()

    def begin(self, history: History) -> None:
        """Take a source; nothing is said of one that was read while the ledger was not whole."""
        self._history = history
        self._slot = source_slot(history.source)
        self._names: tuple[str, ...] = ()
        self._declared: list[Declaring | None] = []
        self._steady = bytearray()
        self._piece: Piece | None = None
        self._known = history.whole_ledger and history.complete

    def skip(self) -> None:
        """A version of the source cannot be read: nothing is said of it and of those behind it."""
        self._known = False

    def check(self, number: int, said: bytes | None, piece: Piece, row: int) -> None:
        """Compare what is said of a version, the next by number, with what its sections declare."""
        if not self._known:
            return
        told = self._outcomes(piece, row) if self._declares else b""
        if said is not None and told.rstrip(b"\0") != said:
            self._say_wrong(number)
        if told:
            self._counts[self._slot][piece.shapes[row], told] += 1

    def check_piece(self, numbers: Sequence[int], said: Sequence[bytes], piece: Piece) -> None:
        """The same for all versions of a piece."""
        if not self._known:
            return
        if self._declares and piece.mentions(_NAME):
            for row, (number, outcomes) in enumerate(zip(numbers, said, strict=True)):
                self.check(number, outcomes, piece, row)
            return
        self._names, self._declared, self._piece = (), [], None  # no section of these declares anything
        if any(said):
            for number, outcomes in zip(numbers, said, strict=True):
                if outcomes:
                    self._say_wrong(number)

    def _outcomes(self, piece: Piece, row: int) -> bytes:
        """What became of what each section declares, as the ledger keeps it."""
        if piece is self._piece and piece.shapes[row] is piece.shapes[row - 1]:
            before, now = piece.rows[row - 1], piece.rows[row]
            changed: Sequence[int] = [at for at, ordinal in enumerate(now) if ordinal != before[at]]
        else:
            changed = self._reshape(piece, row)
        codes = bytearray(self._steady)
        for at in changed:
            self._replace(at, codes, piece.bodies[piece.rows[row][at]] or b"")
        return bytes(codes)

    def _reshape(self, piece: Piece, row: int) -> Sequence[int]:
        """Take over what the version before declares; which sections are to be looked at: all."""
        known = dict(zip(self._names, self._declared, strict=True))
        self._piece, self._names = piece, names_of(piece.shapes[row])
        self._declared = [known.get(name) for name in self._names]
        self._steady = bytearray(len(self._names))
        return range(len(self._names))

    def _replace(self, at: int, codes: bytearray, body: bytes) -> None:
        """Take the section of the next version, and set what became of what it declares."""
        old = self._declared[at]
        if old is not None and old.body == body:
            codes[at] = self._steady[at] = outcome_code(old.verdict, None)
            return
        new = self._declared[at] = self._find(self._names[at], body)
        if new is None:
            codes[at] = self._steady[at] = 0
            return
        self._steady[at] = outcome_code(new.verdict, None)
        codes[at] = outcome_code(new.verdict, None if old is None else new.drift_since(old))

    def _find(self, name: str, body: bytes) -> Declaring | None:
        if body.rfind(_NAME) < 0:  # it mostly stands at the end
            return None
        if len(body) > _SHORT:
            return find_declaring(name, body)
        key = name, body
        if key not in self._memo:
            if len(self._memo) >= _KEPT:
                self._memo.clear()
            self._memo[key] = find_declaring(name, body)
        return self._memo[key]

    def end(self) -> None:
        """Compare what is left of the source."""
        if not self._known:
            self.unknown.add(self._slot)
            return
        standing = self._history.standing
        if not (self._declared or standing or self._history.outcomes):
            return
        declared = (each.declaration() for each in self._declared if each is not None)
        if standing is not None and encode_declarations(declared) != standing:
            self._say_wrong(None)
        for number in self._history.stray_outcomes:
            source = self._history.source
            what = f"{source} version {number}: an entry in the ledger of declared digests is of no version"
            self._found(Problem("declared-wrong", what, source, number))

    def _say_wrong(self, number: int | None) -> None:
        source = self._history.source
        what = f"{source}" if number is None else f"{source} version {number}"
        message = f"{what}: the ledger of declared digests does not say what the record declares"
        self._found(Problem("declared-wrong", message, source, number))

    def wrong(self, before: Sequence[Ledger], after: Sequence[Ledger]) -> list[int]:
        """The slots that nobody wrote meanwhile and that do not say what was counted."""
        return [
            slot
            for slot in set(range(SLOTS)) - self.unknown
            if before[slot] == after[slot] != _ledger(self._counts[slot])
        ]


@lru_cache(maxsize=1024)
def names_of(shape: Shape) -> tuple[str, ...]:
    """The names of the sections of a version that was rebuilt."""
    return tuple([read_name(name) for name in shape.names])


def _ledger(counts: Counter[_Told]) -> dict[str, Tally]:
    ledger: dict[str, Tally] = {}
    for (shape, told), count in counts.items():
        once = tally(decode_outcomes(told, names_of(shape)))
        ledger = add(ledger, {name: row.times(count) for name, row in once.items()})
    return ledger
