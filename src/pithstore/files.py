"""The journal of files: how far each file that was put has come, by the BLAKE3 of its bytes."""

from __future__ import annotations

from collections.abc import Iterable

import attrs
from blake3 import blake3

from pithstore.counts import FileProgress, decode_file_progress, encode_file_progress
from pithstore.engine import Update, View
from pithstore.errors import Damaged
from pithstore.keys import FILES
from pithstore.seal import seal, unseal


@attrs.frozen
class FileId:
    """A file and how it is put: its BLAKE3, and the rule that gives its records their observed_at."""

    digest: bytes
    times: str

    @property
    def key(self) -> bytes:
        """The key in the journal."""
        return self.digest + blake3(self.times.encode()).digest(length=16)


def read_progress(view: View, file: FileId) -> FileProgress | None:
    """How far the file has come; None where nothing is known, or what was known is damaged."""
    (value,) = view.get_many(FILES, [file.key])
    try:
        return None if value is None else decode_file_progress(unseal(FILES, file.key, value))
    except Damaged:
        return None  # the file is then put again from its start, which is right if slower


def write_progress(update: Update, entries: Iterable[tuple[FileId, FileProgress]]) -> None:
    """Note how far the files have come, in the transaction that stores what came of them."""
    items = {file.key: encode_file_progress(progress) for file, progress in entries}
    update.put_many(FILES, [(key, seal(FILES, key, payload)) for key, payload in sorted(items.items())])
