"""Which versions of a source go into one frame, and which of their sections lie there.  Pure.

A frame stands alone but for large sections: one of at most COPY_BYTES is in every frame that needs it, a larger
one lies in one frame only, its home, and other frames name its digest.  So reading a version expands its own
frame, and for each large section that has not changed for long its home: never one by way of another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from pithstore.digest import Digest
from pithstore.model import Manifest

FRAME_BYTES, LARGEST_FRAME_BYTES = 64 * 1024, 1024 * 1024
_RECORDS = 4
"""The bodies of a frame of several versions have at most so many bytes, or as many as four records, whichever is
more, and in no case more than the largest: large records that change little are still packed together."""
RUN_VERSIONS = 64
COPY_BYTES = 1024


@attrs.frozen
class Plan:
    """One frame: how many versions further it reaches, which sections lie in it, and for which it is the home."""

    versions: int
    here: frozenset[Digest]
    home: frozenset[Digest]
    frame_bytes: int


class _Open:
    """A frame that is being planned."""

    def __init__(self) -> None:
        self.versions = self.size = 0
        self.here: set[Digest] = set()
        self.home: set[Digest] = set()

    def close(self) -> Plan:
        return Plan(self.versions, frozenset(self.here), frozenset(self.home), self.size)


def plan(manifests: Iterable[Manifest], homes: set[Digest]) -> Iterator[Plan]:
    """The frames of these versions of a source, by rising number.

    `homes` are the digests whose home is this source and that are in no frame yet; those that find a frame are
    taken out of it.
    """
    frame = _Open()
    for manifest in manifests:
        new = {
            section.digest: section.size
            for section in manifest.sections
            if section.digest not in frame.here and (section.digest in homes or section.size <= COPY_BYTES)
        }
        size = sum(new.values())
        if frame.versions and (frame.versions == RUN_VERSIONS or _is_over(frame.size + size, manifest)):
            yield frame.close()
            frame = _Open()
            new |= {
                section.digest: section.size
                for section in manifest.sections
                if section.size <= COPY_BYTES  # what lay in the frame before this one
            }
            size = sum(new.values())
        frame.versions += 1
        frame.size += size
        frame.here.update(new)
        frame.home.update(homes.intersection(new))
        homes.difference_update(new)
    if frame.versions:
        yield frame.close()


def _is_over(size: int, manifest: Manifest) -> bool:
    """Whether bodies of that many bytes are too much for one frame, with this as the last version."""
    if size <= FRAME_BYTES:
        return False
    record_bytes = sum(section.size for section in manifest.sections)
    return size > min(_RECORDS * record_bytes, LARGEST_FRAME_BYTES)
