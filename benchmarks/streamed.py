"""As many lines as one likes, made faster than a store can take them: printed histories with other serials.

The histories are those of `generated`, printed once; each source takes one of them and writes its serial, 8
digits, over the start of every text that differs from source to source.  So sections are shared between sources as
they are there, each line makes a version, and sources come in blocks, of each block the first versions, then the
second.  The texts come back from source to source as those of real records do not: what is packed is no measure
of size.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import groupby, islice
from random import Random

from generated import BLOCK, PROFILES, Record, history, line_of

from pithstore.pointer import Json

MARK = "@" * 8
MARKED = ("id", "work_id", "evidence_hash", "note", "text", "title")
PRINTED = 5000  # records, at least one history
LARGE = "large"
ELEMENTS = 80_000  # of about 130 bytes, so that the section has 10 MB


def lines(first: int, sources: int, versions: int, profile: str) -> Iterator[bytes]:
    """The lines of sources with these serials; their ids are `source_id`."""
    printed = [
        [line_of(marked_record(record)) for record in islice(distinct(number, versions, profile), versions)]
        for number in range(min(sources, max(1, PRINTED // versions)))
    ]
    mark = MARK.encode()
    for start in range(first, first + sources, BLOCK):
        block = range(start, min(start + BLOCK, first + sources))
        for version in range(versions):
            for serial in block:
                yield printed[serial % len(printed)][version].replace(mark, b"%08d" % serial)


def source_id(serial: int) -> str:
    return f"arxiv:{serial:08}"


def distinct(number: int, versions: int, profile: str) -> Iterator[Record]:
    """A history without the records that are seen again."""
    made = large_history(versions) if profile == LARGE else history(number, 2 * versions + 100, profile=profile)
    return (record for record, _ in groupby(made))


def large_history(versions: int) -> Iterator[Record]:
    """Records with a section of 10 MB, of which every second version changes one element, the others a verdict."""
    random = Random(10)
    data: list[Json] = [
        {"key": f"{random.getrandbits(256):064x}", "value": random.random(), "text": f"element {place} of many"}
        for place in range(ELEMENTS)
    ]
    for number, record in enumerate(history(0, 4 * versions, profile="small")):
        if number % 2:
            data = [*data]
            data[random.randrange(ELEMENTS)] = {"key": f"{random.getrandbits(256):064x}", "value": random.random()}
        yield record | {"data": data}


def marked_record(record: Record) -> Record:
    source = record["source"]
    assert isinstance(source, dict)
    return {name: marked(name, value) for name, value in record.items()} | {"source": {**source, "id": MARK}}


def marked(name: str, value: Json) -> Json:
    """The value with places for a serial where it says something of its own."""
    if isinstance(value, dict):
        return {key: marked(key, member) for key, member in value.items()}
    if isinstance(value, list):
        return [marked(name, element) for element in value]
    if isinstance(value, str) and name in MARKED:
        return MARK + value[len(MARK) :]
    if isinstance(value, str) and name == "ran_at":
        return f"{value[:-1]}.{MARK}Z"
    return value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=0, help="the serial of the first source (default 0)")
    parser.add_argument("--sources", type=int, default=2000)
    parser.add_argument("--versions", type=int, default=10, help="versions of each")
    parser.add_argument("--profile", choices=(*PROFILES, LARGE), default="small")
    given = parser.parse_args()
    for line in lines(given.first, given.sources, given.versions, given.profile):
        sys.stdout.buffer.write(line)


if __name__ == "__main__":
    main()
