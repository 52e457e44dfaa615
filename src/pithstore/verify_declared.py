"""The part of verify that looks at the ledger of declared digests: each entry against what the records say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pithstore.declared.declarations import Declaration, Outcome, declarations, declaring_sections, outcomes
from pithstore.declared.entries import Declarations
from pithstore.declared.ledger import Tally, add, encode_declarations, encode_outcomes, tally
from pithstore.digest import Digest
from pithstore.engine import Item
from pithstore.errors import Damaged
from pithstore.keys import OUTCOMES, SLOTS, STANDING, VERSIONS, outcomes_key, source_slot, split_key, standing_key
from pithstore.model import Manifest, Source, Version
from pithstore.profile import Profile
from pithstore.report import Problem
from pithstore.seal import unseal


class DeclaredCheck:
    """Goes through the versions of one source after the other; counts what the ledger should say.

    `unknown` has the slots that cannot be counted: a version in them cannot be read.
    """

    def __init__(self, profile: Profile, found: Callable[[Problem], None]) -> None:
        self._profile = profile
        self._found = found
        self.ledgers: list[dict[str, Tally]] = [{} for _ in range(SLOTS)]
        self.unknown: set[int] = set()

    def begin(self, source: Source, items: Sequence[Item]) -> None:
        """Take the entries of a source."""
        self._source = source
        self._entries = {key: value for key, value in items if split_key(key)[1] in (OUTCOMES, STANDING)}
        self._before: Declarations = ()
        self._sections: dict[tuple[str, Digest], Declaration | None] = {}
        self._told: list[Outcome] = []
        self._known = True

    def skip(self) -> None:
        """A version of the source cannot be read: nothing is said of it and of those behind it."""
        self._known = False

    def check(self, version: Version, manifest: Manifest, bodies: Mapping[str, bytes]) -> None:
        """Compare the entry of a version, the next by number, with what its sections declare."""
        if not self._known:
            return
        now = self._declarations(manifest, bodies)
        told = outcomes(self._before, now)
        self._before = now
        self._compare(outcomes_key(self._source, version.number), encode_outcomes(told, manifest), version.number)
        self._told.extend(told)

    def _declarations(self, manifest: Manifest, bodies: Mapping[str, bytes]) -> Declarations:
        """What the sections declare; those that the version before had too are not read again."""
        keys = [(section.name, section.digest) for section in manifest.sections]
        fresh = {key[0]: bodies[key[0]] for key in keys if key not in self._sections}
        new = {each.section: each for each in declarations(declaring_sections(fresh), fresh, self._profile)}
        self._sections = {key: new.get(key[0]) if key[0] in fresh else self._sections[key] for key in keys}
        return tuple(each for each in self._sections.values() if each is not None)

    def end(self) -> None:
        """Compare what is left of the source."""
        slot = source_slot(self._source)
        if not self._known:
            self.unknown.add(slot)
            return
        if self._told:
            self.ledgers[slot] = add(self.ledgers[slot], tally(self._told))
        self._compare(standing_key(self._source), encode_declarations(self._before), None)
        for key in self._entries:
            number = int.from_bytes(key[-4:], "big")
            message = (
                f"{self._source} version {number}: an entry in the ledger of declared digests is of no version"
            )
            self._found(Problem("declared-wrong", message, self._source, number))

    def _compare(self, key: bytes, expected: bytes, number: int | None) -> None:
        value = self._entries.pop(key, None)
        what = f"{self._source}" if number is None else f"{self._source} version {number}"
        try:
            said = b"" if value is None else unseal(VERSIONS, key, value)
        except Damaged as error:
            message = f"{what}: an entry in the ledger of declared digests is damaged ({error})"
            self._found(Problem("declared-damaged", message, self._source, number))
            return
        if said != expected:
            message = f"{what}: the ledger of declared digests does not say what the record declares"
            self._found(Problem("declared-wrong", message, self._source, number))
