"""The worker process: texts in, what they say out, until whoever started it closes the pipe or is gone."""

from __future__ import annotations

import gc
import os
import signal
import struct
import sys
from contextlib import suppress

from pithstore.section_memo import SectionMemo
from pithstore.texts import prepare_texts
from pithstore.workers.messages import Telling, read_task, read_texts, write_failure
from pithstore.workers.slot import Slot

IN_SLOT = struct.Struct("<BQ")
"""What stands in the pipes: a message of that many bytes is in the slot of that number (or FAILED: an error)."""

FAILED = 0x80


def main() -> None:
    """Serve; the first argument names the descriptors of the slots."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started us ends us
    os.nice(5)  # three processes on two processors: whoever writes goes first, as all wait for that
    gc.set_threshold(100_000)  # as the command line does: records make many objects and no circles
    slots = [Slot(int(descriptor)) for descriptor in sys.argv[1].split(",")]
    with suppress(BrokenPipeError):
        _serve(slots)


def _serve(slots: list[Slot]) -> None:
    task = read_task(slots[0].read_all())
    memo, telling = SectionMemo(task.memory), Telling(task.memory)
    while told := os.read(0, IN_SLOT.size):
        number, size = IN_SLOT.unpack(told)
        try:
            texts = slots[number].read(size, read_texts)
            found = telling.write(prepare_texts(texts, task.configuration, memo))
        except Exception as error:  # noqa: BLE001 - told to whoever waits for an answer
            os.write(1, IN_SLOT.pack(number | FAILED, slots[number].write(write_failure(error))))
        else:
            os.write(1, IN_SLOT.pack(number, slots[number].write(found)))
