"""What was written to the store while its successor was made: into that as it is, to be packed next time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from pithstore import blobs
from pithstore.blobs import Blob
from pithstore.codec import HOME_BYTES, decode_line_head, decode_section_digests
from pithstore.digest import DIGEST_BYTES, Digest
from pithstore.engine import Engine, Item, Update, View
from pithstore.keys import (
    BLOBS,
    CHECKS,
    ERASED,
    FILES,
    HEAD,
    LINE,
    MANIFESTS,
    META,
    RUN,
    SOURCES,
    STANDING,
    TAIL,
    TOTALS,
    VERSION,
    VERSIONS,
    split_key,
)
from pithstore.packs import homes
from pithstore.seal import SEAL_BYTES, unseal
from pithstore.tail import TailEnd

_PAGE, _BLOBS_AT_ONCE = 4096, 512
_HOME = slice(-SEAL_BYTES - HOME_BYTES, -SEAL_BYTES)  # where an entry of `blobs` has it
_WHOLE = (META, TOTALS, FILES, CHECKS, ERASED)
"""Spaces that a compaction does not change."""


def carry_sources(view: View, successor: Update, keys: Sequence[bytes], writer: int) -> None:
    """Bring these sources of the successor to what they are now; doing it again changes nothing.

    `writer` is a number of a writer that is the compaction's own.
    """
    names = zip(keys, view.get_many(SOURCES, keys), strict=True)
    successor.put_many(SOURCES, [(key, name) for key, name in names if name is not None])
    items = [item for key in keys for item in _beyond_runs(view, successor, key)]
    standing = [key + STANDING for key in keys]  # a source that declares nothing any more has none
    successor.delete_many(VERSIONS, standing)
    successor.put_many(VERSIONS, items)
    snapshots = sorted({value[:DIGEST_BYTES] for key, value in items if split_key(key)[1] == VERSION})
    manifests = zip(snapshots, view.get_many(MANIFESTS, snapshots), strict=True)
    found = [(snapshot, value) for snapshot, value in manifests if value is not None]
    successor.put_many(MANIFESTS, found)
    digests = sorted({Digest(raw) for item in found for raw in _digests(item)})
    for start in range(0, len(digests), _BLOBS_AT_ONCE):
        carry_blobs(view, successor, digests[start : start + _BLOBS_AT_ONCE], writer)


def _beyond_runs(view: View, successor: View, key: bytes) -> Iterator[Item]:
    """The entries of a source that say what its runs in the successor do not."""
    last = successor.scan(VERSIONS, prefix=key + RUN, limit=1, reverse=True)
    packed = int.from_bytes(last[0][0][-4:], "big") if last else 0
    after: bytes | None = None
    while items := view.scan(VERSIONS, prefix=key, after=after, limit=_PAGE):
        yield from (item for item in items if _is_beyond(item, len(key), packed))
        after = items[-1][0]


def _is_beyond(item: Item, source_bytes: int, packed: int) -> bool:
    key, value = item
    kind = key[source_bytes : source_bytes + 1]
    if kind == LINE:
        return decode_line_head(unseal(VERSIONS, key, value)).number > packed
    return kind in (HEAD, STANDING) or (kind != RUN and int.from_bytes(key[-4:], "big") > packed)


def carry_blobs(view: View, successor: Update, digests: Sequence[Digest], writer: int) -> None:
    """Bring those of the blobs that the successor has neither in its tail nor in a frame."""
    lacking = _lacking_blobs(successor, digests)
    places = blobs.locate_many(view, lacking)
    loose = [(digest, place) for digest, place in zip(lacking, places, strict=True) if place is not None]
    bodies = blobs.read_many(view, [place for _, place in loose])
    arriving = [Blob(digest, body, place.home) for (digest, place), body in zip(loose, bodies, strict=True)]
    if arriving:
        blobs.write_many(successor, _tail_end(successor, writer), arriving, None)


def _digests(item: Item) -> Iterator[bytes]:
    yield from decode_section_digests(unseal(MANIFESTS, *item)).values()


def _lacking_blobs(successor: View, digests: Sequence[Digest]) -> list[Digest]:
    """Those of the blobs that are neither in the tail nor in a frame of the successor."""
    known = zip(digests, blobs.has_many(successor, digests), strict=True)
    wanted = [digest for digest, loose in known if not loose]
    packed = {digest for digest, _ in homes.find(successor, wanted)}
    return [digest for digest in wanted if digest not in packed]


def _tail_end(successor: View, writer: int) -> TailEnd:
    last = successor.scan(TAIL, prefix=writer.to_bytes(4, "big"), limit=1, reverse=True)
    return TailEnd(writer, int.from_bytes(last[0][0][4:], "big") + 1 if last else 0)


def carry_homeless(engine: Engine, bring: Callable[[Sequence[Digest]], None]) -> None:
    """Bring the blobs that no source packs: frames that stay copy them, or say that they lie elsewhere."""
    after: bytes | None = None
    while items := engine.view(partial(_page, after=after)):
        homeless = [Digest(key) for key, value in items if value[_HOME] == blobs.NOBODY]
        if homeless:  # one whose entry is damaged here is missed when all is read again
            bring(homeless)
        after = items[-1][0]


def _page(view: View, after: bytes | None) -> list[Item]:
    return view.scan(BLOBS, after=after, limit=_PAGE)


def carry_whole(view: View, successor: Update) -> None:
    """Copy the spaces that a compaction does not change."""
    for space in _WHOLE:
        after: bytes | None = None
        while items := view.scan(space, after=after, limit=_PAGE):
            successor.put_many(space, items)
            after = items[-1][0]
