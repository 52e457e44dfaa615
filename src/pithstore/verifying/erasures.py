"""What was erased: versions that lack it are as they should be, and nothing has it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pithstore import tombstones
from pithstore.digest import Digest
from pithstore.engine import Engine, View
from pithstore.errors import Damaged
from pithstore.model import Source
from pithstore.report import Problem
from pithstore.verifying.found import Found, refs
from pithstore.verifying.rebuilding import NOTHING, LooseVersion
from pithstore.verifying.said import Said


class ErasureCheck:
    """Tells what is missing on purpose; counts the versions that lack a section."""

    def __init__(self, engine: Engine, found: Found) -> None:
        self._engine = engine
        self._found = found
        self.versions = 0

    def is_erased(self, digest: Digest) -> bool:
        """Whether a section was erased, as far as can be told."""
        return digest in self._engine.view(partial(_erased, digests=[digest]))

    def explain(self, source: Source, said: Said, found: LooseVersion) -> bool:
        """Whether all that a version lacks was erased; says where what is left is not what it had."""
        if found.manifest is None:
            return False
        ordinals = found.piece.rows[found.row]
        lacking = [
            section.digest
            for section, ordinal in zip(found.manifest.sections, ordinals, strict=True)
            if Digest.of(found.piece.bodies[ordinal] or b"") != section.digest
        ]
        if not lacking or len(self._engine.view(partial(_erased, digests=lacking))) < len(set(lacking)):
            return False
        self.versions += 1
        if not self._engine.view(partial(_is_proved, source=source, number=said.number, found=found)):
            message = (
                f"{source} version {said.number}: its manifest digest does not bind the sections that are left"
            )
            affected = refs(source, [said.number])
            self._found(Problem("proof-wrong", message, source, said.number, affected=affected))
        return True

    def say_present(self, digests: Sequence[bytes], source: Source) -> None:
        """Say which of these bodies were erased, and are there."""
        for problem in self._engine.view(
            partial(erased_and_present, digests=list(map(Digest, digests)), source=source)
        ):
            self._found(problem)


def erased_and_present(view: View, digests: Sequence[Digest], source: Source | None = None) -> list[Problem]:
    """What to say of those of these blobs, which are there, that were erased."""
    return [
        Problem("erased-present", f"blob {digest} was erased, and is there", source, digest=str(digest))
        for digest in _erased(view, digests)
    ]


def _erased(view: View, digests: Sequence[Digest]) -> list[Digest]:
    try:
        return list(tombstones.find(view, digests))
    except Damaged:  # its seal says so
        return []


def _is_proved(view: View, source: Source, number: int, found: LooseVersion) -> bool:
    try:
        return tombstones.is_proved(view, source, number, found.manifest or NOTHING) is True
    except Damaged:
        return False
