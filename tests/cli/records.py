"""Small records to put, and how to read what became of them."""

from __future__ import annotations

import json

from tests.cli.conftest import Done


def record(serial: int, **sections: object) -> bytes:
    """A record about one of seven sources, with these sections beside the usual ones."""
    given = {"source": {"kind": "k", "id": f"s{serial % 7}"}, "builder_version": "b", "n": serial, **sections}
    return json.dumps(given).encode()


LINES = b"\n".join(record(n) for n in range(10)) + b"\n"
BAD = b'{"a":1,"a":2}'


def summary(done: Done) -> dict[str, int]:
    """The counts that `put --json` printed; they add up."""
    counts: dict[str, int] = json.loads(done.out)
    assert counts["records"] == counts["versions"] + counts["unchanged"] + counts["refused"]
    return counts
