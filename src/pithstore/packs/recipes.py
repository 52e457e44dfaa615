"""The manifests of versions that lie in frames."""

from __future__ import annotations

from collections.abc import Sequence

from pithstore.engine import View
from pithstore.errors import Damaged
from pithstore.model import Manifest
from pithstore.packs import runs
from pithstore.packs.frames import read_frame
from pithstore.packs.rebuild import recipes


def read_many(view: View, version_keys: Sequence[bytes]) -> list[Manifest | None]:
    """The manifest of each version, by the key that it would have in the index; None where no sound frame has it.

    Each frame is expanded once, and what lies in it hashed.
    """
    rows: dict[int, dict[int, list[int]]] = {}  # position → row → which of the keys
    for i, key in enumerate(version_keys):
        found = runs.find_by_key(view, key)
        if found is not None:
            rows.setdefault(found[0].position, {}).setdefault(found[1], []).append(i)
    manifests: list[Manifest | None] = [None] * len(version_keys)
    for position, wanted in rows.items():
        for row, manifest in zip(wanted, _recipes(view, position, list(wanted)), strict=False):
            for i in wanted[row]:
                manifests[i] = manifest
    return manifests


def _recipes(view: View, position: int, rows: list[int]) -> list[Manifest]:
    try:
        return recipes(read_frame(view, position), rows)
    except (Damaged, IndexError):  # a frame of fewer versions than its run
        return []
