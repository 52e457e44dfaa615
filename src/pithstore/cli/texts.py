"""The texts of files one after the other, for the commands that need no store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pithstore.cli.refused import say_refused
from pithstore.errors import EXIT_DONE, EXIT_PARTLY, InvalidRecord
from pithstore.limits import MAX_RECORD_BYTES

if TYPE_CHECKING:
    from pithstore.record_files import RecordText


class TextReport:
    """Goes through the texts of files, says which are refused, and knows the exit code at the end."""

    def __init__(self, files: Sequence[str], limit: int = MAX_RECORD_BYTES) -> None:
        self._files = files
        self._limit = limit
        self.accepted = self.refused = 0

    def __iter__(self) -> Iterator[tuple[str, RecordText]]:
        from pithstore.record_files import RecordFile

        for name in self._files:
            with RecordFile(name) as file:
                for text in file.texts(self._limit):
                    yield file.name, text

    @contextmanager
    def refusals(self, file: str, text: RecordText) -> Iterator[None]:
        """Count what happens to a text inside the block."""
        try:
            yield
        except InvalidRecord as error:
            self.refused += 1
            say_refused(file, text.line + (error.line or 1) - 1, error)
        else:
            self.accepted += 1

    def exit_code(self) -> int:
        """3 if some texts were refused, 6 if all were, else 0."""
        if not self.refused:
            return EXIT_DONE
        return EXIT_PARTLY if self.accepted else InvalidRecord.exit_code
