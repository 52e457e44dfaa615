"""Read a store without pithstore, as format.md says, and hash everything again: python read_store.py STORE"""

import io
import json
import struct
import sys
from hashlib import sha256
from itertools import pairwise, takewhile
from pathlib import Path
from urllib.parse import quote

import lmdb
import zstandard

ROOT = Path(sys.argv[1])
FILE = lmdb.open(str(ROOT / (ROOT / "CURRENT").read_text().strip()), readonly=True, max_dbs=10, lib_version=0)
STATE = FILE.begin()
NAMES = ("sources", "versions", "manifests", "blobs", "tail", "packs", "places", "dictionaries", "erased")
SPACES = {name: FILE.open_db(name.encode(), STATE, create=False) for name in NAMES if STATE.get(name.encode())}


def get(space, key):  # the last eight bytes of a value are its seal, a BLAKE3 that only pithstore checks
    return STATE.get(key, b"", SPACES[space])[:-8]


def entries(space, start=b""):  # those whose keys start so
    cursor = STATE.cursor(SPACES[space])
    found = takewhile(lambda entry: entry[0].startswith(start), cursor if cursor.set_range(start) else ())
    return [(key, value[:-8]) for key, value in found]


def numbers(data, at, count):  # so many from there on, and where they end
    if not count:
        return (at,)
    end = next(i for i in range(at, len(data)) if data[i] < 128) + 1
    return sum((byte & 127) << 7 * i for i, byte in enumerate(data[at:end])), *numbers(data, end, count - 1)


def text(data, at):  # a text behind its length, and where it ends
    length, at = numbers(data, at, 1)
    return data[at : at + length].decode(), at + length


def stream(space, writer, position, length):  # so many bytes from there on
    data, (sequence, offset) = b"", divmod(position, 16350)
    while len(data) < length and (value := get(space, struct.pack(">II", writer, sequence))):
        data, sequence, offset = data + value[2 + offset :], sequence + 1, 0
    return data[:length]


def frame(position):  # names and ordinals of the sections of each version; bodies; digests of those elsewhere
    head = stream("packs", 0, position, 28)
    size, packed, start = numbers(head, 8, 2)
    words = zstandard.ZstdCompressionDict(get("dictionaries", head[:8]))
    packed = stream("packs", 0, position + start, packed)
    data = io.BytesIO(zstandard.ZstdDecompressor(words).decompress(packed, max_output_size=size))

    def read(count, width):
        return [int.from_bytes(data.read(width), "little") for _ in range(count)]

    versions, count, foreign, names, width = *read(4, 4), *read(1, 1)
    shapes = [[json.loads(name) for name in shape.splitlines()] for shape in data.read(names).split(b"\0")]
    shapes = [shapes[ordinal] for ordinal in read(versions, width)]
    rows = [dict(zip(shape, read(len(shape), width), strict=True)) for shape in shapes]
    ends, _, elsewhere = [0, *read(count, 4)], read(count, 1), [data.read(36)[:32] for _ in range(foreign)]
    return rows, [data.read(end - start) for start, end in pairwise(ends)], elsewhere


def blob(digest):  # the body of a section; a row of places is the start of a digest, and where its frame lies
    if entry := get("blobs", digest):
        writer, sequence, offset, length, _ = numbers(entry, 0, 4)
        bodies = [stream("tail", writer, 16350 * sequence + offset, length)]
    else:
        rows = [rows[i : i + 12] for _, rows in entries("places") for i in range(0, len(rows), 12)]
        positions = [int.from_bytes(row[6:], "big") for row in rows if row[:6] == digest[:6]]
        bodies = [body for position in positions for body in frame(position)[1]]
    return next(body for body in bodies if sha256(body).digest() == digest)


def record(snapshot, position, row):  # the bodies of its sections by name; a manifest, where there is one, counts
    recipe, at, found = get("manifests", snapshot), 0, {}
    while at < len(recipe):
        name, at = text(recipe, at)
        found[name], (_, at) = blob(recipe[at : at + 32]), numbers(recipe, at + 32, 1)
    if recipe:
        return found
    rows, bodies, elsewhere = frame(position)
    here = len(bodies)
    return {name: bodies[i] if i < here else blob(elsewhere[i - here]) for name, i in rows[row].items()}


def versions(source):  # number, snapshot hash, position of the frame and row there of each
    for _, run in entries("versions", source + b"\6"):
        position, count, *columns, _ = numbers(run, 0, 14)  # of each column its least value and its width
        at = len(run) - count * (32 + sum(columns[1::2]))
        for row in range(count):
            more = int.from_bytes(run[at + row * columns[1] :][: columns[1]], "little")
            yield row + columns[0] // 2 + more, run[len(run) - 32 * (count - row) :][:32], position, row
    for key, entry in entries("versions", source + b"\1"):
        yield int.from_bytes(key[-4:], "big"), entry[:32], 0, 0


for key, value in entries("sources"):
    kind, at = text(value, 0)
    for number, snapshot, *place in versions(key):
        try:
            bodies = sorted(record(snapshot, *place).items())
        except StopIteration:
            bodies = []
        members = [json.dumps(name, ensure_ascii=False).encode() + b":" + body for name, body in bodies]
        ok = sha256(b"{" + b",".join(members) + b"}").digest() == snapshot
        lacking = "erased" in SPACES and get("erased", b"\1" + key + b"\0" + number.to_bytes(4, "big"))
        word = "ok" if ok else "erased" if lacking else "WRONG"
        print(f"{quote(kind)}:{quote(text(value, at)[0])} {number} {snapshot.hex()} {word}")
