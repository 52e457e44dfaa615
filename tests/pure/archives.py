"""The committed fixtures that others wrote, read out of their archives."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

FIXTURES = Path(__file__).parent.parent / "fixtures"
EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def files_in(archive: str) -> dict[str, bytes]:
    """Path inside the archive → content."""
    with tarfile.open(FIXTURES / archive) as tar:
        opened = ((entry.name, tar.extractfile(entry)) for entry in tar if entry.isfile())
        return {name: file.read() for name, file in opened if file is not None}


def json_test_suite(prefix: str = "") -> dict[str, bytes]:
    """The parse files of nst/JSONTestSuite whose names start with that: y_ accept, n_ refuse, i_ either."""
    inside = f"JSONTestSuite/test_parsing/{prefix}"
    files = files_in("JSONTestSuite.tar.gz")
    return {name.rpartition("/")[2]: text for name, text in sorted(files.items()) if name.startswith(inside)}


def naughty_strings() -> list[str]:
    """The Big List of Naughty Strings, in its order."""
    strings: list[str] = json.loads(files_in("naughty-strings.tar.gz")["naughty-strings/blns.json"])
    return strings


def canonical_records() -> list[dict[str, object]]:
    """Canonical records that upstream published, with their hashes and Pith Numbers."""
    lines = (FIXTURES / "pith-canonical-records.jsonl").read_bytes().splitlines()
    return [json.loads(line) for line in lines]


def seed_text() -> bytes:
    """The record of arXiv 2606.09475 as upstream's builder made it."""
    return (EXAMPLES / "pith-2606.09475.json").read_bytes()
