"""Whether a compaction would pay, told from two numbers that the store has at hand."""

from __future__ import annotations

from pithstore.engine import Engine
from pithstore.packs.frames import next_sequence
from pithstore.tail import STREAM_BYTES

_LEAST_BYTES = 32 * 1024 * 1024


def loose_bytes(engine: Engine) -> int:
    """How many bytes of the store no compaction has packed yet, where one would pay; else 0.

    It pays where a store is not small and less than half of it is packed.  How much it would give back depends on
    what the records have in common.
    """
    stored = engine.stored_bytes()
    if stored < _LEAST_BYTES:
        return 0
    packed = engine.view(next_sequence) * STREAM_BYTES
    return stored - packed if 2 * packed < stored else 0
