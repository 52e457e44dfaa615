"""Every way in which pithstore says no, in one catalogue.

A class names one kind of failure.  Its exit code (command line), its problem type and its HTTP status stand
beside the class name, so that no two places can disagree.  The catalogue is append-only: a problem type or an
exit code that was released keeps its meaning.
"""

from __future__ import annotations

from typing import ClassVar

EXIT_DONE = 0
EXIT_DIFFERS = 1
EXIT_USAGE = 2
EXIT_PARTLY = 3
EXIT_INTERRUPTED = 130

CATALOGUE: dict[str, type[PithstoreError]] = {}
"""Problem type → error class, for every class below."""


class PithstoreError(Exception):
    """The root of every error that pithstore raises; its text is one line that says what to do next."""

    exit_code: ClassVar[int] = EXIT_USAGE
    problem: ClassVar[str] = "error"
    status: ClassVar[int] = 500

    def __init_subclass__(cls, *, exit_code: int, problem: str, status: int) -> None:
        """Enter the class in the catalogue."""
        cls.exit_code, cls.problem, cls.status = exit_code, problem, status
        CATALOGUE[problem] = cls


class UsageError(PithstoreError, exit_code=EXIT_USAGE, problem="usage", status=400):
    """The call itself makes no sense: a reference, a time, an option or an argument that cannot be read."""


class NotFound(PithstoreError, exit_code=4, problem="not-found", status=404):
    """Nothing in the store answers to that reference or digest."""


class Ambiguous(PithstoreError, exit_code=5, problem="ambiguous", status=409):
    """A snapshot-hash prefix fits several snapshots; the text lists them."""


class InvalidRecord(PithstoreError, exit_code=6, problem="invalid-record", status=422):
    """A record was refused; nothing of it was stored.

    `reason` is a stable word (see `pithstore.refusal.Reason`) and `why` the sentence without the place.  `line`
    counts from 1 and `offset` is in bytes from 0, both None for a record that was not given as text; `pointer`
    is the JSON Pointer of the value, None where the text breaks before one can be told.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        why: str,
        line: int | None = None,
        offset: int | None = None,
        pointer: str | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.why = why
        self.line = line
        self.offset = offset
        self.pointer = pointer

    def of(self, what: str) -> InvalidRecord:
        """The same error with what was refused in front."""
        return InvalidRecord(
            f"{what}: {self}",
            reason=self.reason,
            why=self.why,
            line=self.line,
            offset=self.offset,
            pointer=self.pointer,
        )


class DeclaredMismatch(PithstoreError, exit_code=7, problem="declared-mismatch", status=422):
    """A digest that the record declares about itself is not the digest of what it describes (`--strict`)."""


class NoStore(PithstoreError, exit_code=10, problem="no-store", status=404):
    """There is no store at that place."""


class StoreExists(PithstoreError, exit_code=EXIT_USAGE, problem="store-exists", status=409):
    """A store was to be created where there is one."""


class StoreBusy(PithstoreError, exit_code=11, problem="store-busy", status=503):
    """Somebody else is writing, or too many are reading; trying again later may succeed."""


class Damaged(PithstoreError, exit_code=12, problem="damaged", status=500):
    """Stored bytes are not the bytes that were stored."""


class Erased(PithstoreError, exit_code=13, problem="erased", status=410):
    """The bytes were taken out on purpose; what is left names the reason."""


class FormatUnknown(PithstoreError, exit_code=14, problem="format-unknown", status=501):
    """The store was written in a format that this version of pithstore cannot read."""


class StorageFailed(PithstoreError, exit_code=15, problem="storage-failed", status=507):
    """The medium refused: disk full, input/output error, missing permission."""
