"""How large and how deep a record may be."""

from __future__ import annotations

import attrs

from pithstore.errors import UsageError

MAX_RECORD_BYTES = 16 * 1024 * 1024
MAX_NESTING = 512
MAX_INTEGER_DIGITS = 4300
LARGEST_RECORD_BYTES = 2**30
"""What `record_bytes` may be at most: a store that asks for more than this is not to be believed."""


def _positive(_: object, attribute: attrs.Attribute[int], value: int) -> None:
    if value < 1:
        raise UsageError(f"the limit {attribute.name} is at least 1, not {value}")


def _believable(_: object, attribute: attrs.Attribute[int], value: int) -> None:
    if value > LARGEST_RECORD_BYTES:
        raise UsageError(f"the limit {attribute.name} is at most {LARGEST_RECORD_BYTES}, not {value}")


def _only_downwards(_: object, attribute: attrs.Attribute[int], value: int) -> None:
    if value > MAX_NESTING:
        raise UsageError(f"the limit {attribute.name} is at most {MAX_NESTING}, not {value}: parsers die beyond")


@attrs.frozen
class Limits:
    """How large (bytes, of the text and of the canonical form) and how deep a record may be.

    An array or object takes two bytes of text and up to 232 of memory, so their number is limited too, to one for
    each 8 bytes of `record_bytes`: what a hostile text makes us hold stays below 40 times the limit.
    `record_bytes` is at most 1 GiB, as a store or an archive from elsewhere brings its own.
    """

    record_bytes: int = attrs.field(default=MAX_RECORD_BYTES, validator=[_positive, _believable])
    nesting: int = attrs.field(default=MAX_NESTING, validator=[_positive, _only_downwards])

    @property
    def containers(self) -> int:
        """How many arrays and objects a record may hold."""
        return max(1000, self.record_bytes // 8)

    @property
    def sections(self) -> int:
        """How many sections a record may have; each is kept, hashed and named on its own."""
        return max(1000, self.record_bytes // 256)


DEFAULT_LIMITS = Limits()
