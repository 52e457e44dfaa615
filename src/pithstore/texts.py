"""Texts of records, many at a time: what each of them says, and the hash by which it is known again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import attrs
from blake3 import blake3

from pithstore.codec import TEXT_HASH_BYTES
from pithstore.configuration import Configuration
from pithstore.errors import InvalidRecord
from pithstore.record import Prepared, prepare
from pithstore.section_memo import SectionMemo


@attrs.frozen
class PreparedText:
    """What a text says, and its hash."""

    prepared: Prepared
    text_hash: bytes


AnyText: TypeAlias = PreparedText | InvalidRecord
"""A text that was accepted, or why not."""


def text_hash(text: str | bytes) -> bytes:
    """The first 16 bytes of the BLAKE3 of a text that was accepted, or is in bytes."""
    return blake3(text if isinstance(text, bytes) else text.encode()).digest(TEXT_HASH_BYTES)


def prepare_texts(texts: Iterable[bytes], configuration: Configuration, memo: SectionMemo) -> list[AnyText]:
    """What each of the texts says, in order."""
    return [_prepare(text, configuration, memo) for text in texts]


def _prepare(text: bytes, configuration: Configuration, memo: SectionMemo) -> AnyText:
    try:
        prepared = prepare(text, configuration.profile, configuration.limits, memo)
    except InvalidRecord as error:
        return error
    return PreparedText(prepared, text_hash(text))
