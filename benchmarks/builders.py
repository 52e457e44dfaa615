"""Time and memory of `pithstore builders A B` on a generated archive.

Each source has one version by A and one by B, of the same source version, in nine sections; in one pair of a
hundred B changed one section beside builder_version.  The first run after the archive was made counts: what the
system keeps of its files is what the writing left.  Memory is what the processes hold themselves (RssAnon in
/proc, all of them together), without the map of the file.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pithstore
from pithstore.ingest import Arrival
from pithstore.pointer import Json

SCRIPT = str(Path(sys.executable).with_name("pithstore"))
SECTIONS = ("author_claims", "claims", "formal_canon", "integrity", "paper", "references", "verdict")
SOURCES = 20_000
BATCH = 5_000
ONE_IN = 100
SECONDS_LIMIT, MEGABYTES_LIMIT = 60, 300
LIMITED_FROM = 1_500_000  # sources for which the limit of the time is meant


def record(serial: int, builder: str) -> dict[str, Json]:
    """The record of a source by A or B; bodies are from a small pool, so that the archive stays small."""
    made: dict[str, Json] = {
        name: {"value": (serial * 7 + k) % 1009, "text": f"{name} {(serial * 7 + k) % 1009}"}
        for k, name in enumerate(SECTIONS)
    }
    if builder == "B" and serial % ONE_IN == ONE_IN // 2:
        changed = SECTIONS[serial // ONE_IN % len(SECTIONS)]
        made[changed] = {"value": serial % 1009, "text": f"{changed} {serial % 13}", "score": serial % 10 / 10}
    return made | {"source": {"kind": "arxiv", "id": f"{serial:07d}", "version": 1}, "builder_version": builder}


def build(path: str, count: int) -> float:
    """Make the archive, all of A and then all of B; the seconds that it took."""
    start = time.perf_counter()
    with pithstore.open(path, create=True) as store:
        for builder in ("A", "B"):
            for first in range(0, count, BATCH):
                serials = range(first, min(first + BATCH, count))
                store.put_batch([Arrival(store.prepare(record(serial, builder))) for serial in serials])
    return time.perf_counter() - start
