"""Which command mends each problem: the codes of all problems, and what to do.  Pure."""

from __future__ import annotations

from collections.abc import Mapping

_AGAIN = "pithstore put --again FILE, or pithstore repair --from COPY"
_REPAIR = "pithstore repair"
_REPAIR_FROM = "pithstore repair --from COPY"
_PACKED = "pithstore repair, with --from COPY where a record is lost"
_ERASE = "pithstore erase DIGEST, once more"

REMEDIES: Mapping[str, str] = {
    # Bytes that nothing else in the store says.
    "tail-damaged": _AGAIN,
    "place-damaged": _AGAIN,
    "blob-damaged": _AGAIN,
    "manifest-damaged": _AGAIN,
    "manifest-missing": _AGAIN,
    "section-damaged": _AGAIN,
    "snapshot-mismatch": _AGAIN,
    "identity-mismatch": _REPAIR_FROM,
    "version-damaged": _REPAIR_FROM,
    "run-damaged": _REPAIR_FROM,
    "run-missing": _REPAIR_FROM,
    "source-damaged": _REPAIR_FROM,
    # Frames: the versions in a damaged one may have been put again.
    "frame-damaged": _PACKED,
    "pack-damaged": _PACKED,
    "dictionary-damaged": _PACKED,
    # What the store says twice.
    "head-damaged": _REPAIR,
    "line-damaged": _REPAIR,
    "time-damaged": _REPAIR,
    "entry-damaged": _REPAIR,
    "head-wrong": _REPAIR,
    "line-wrong": _REPAIR,
    "time-wrong": _REPAIR,
    "run-wrong": _REPAIR_FROM,
    "source-empty": _REPAIR,
    "places-damaged": _REPAIR,
    "places-wrong": _REPAIR,
    "totals-damaged": _REPAIR,
    "totals-wrong": _REPAIR,
    "declared-damaged": "pithstore declared --rebuild",
    "declared-wrong": "pithstore declared --rebuild",
    "meta-damaged": "pithstore repair, with --from COPY where the configuration is lost",
    "file-damaged": _REPAIR,
    "check-damaged": _REPAIR,
    "changed-damaged": _REPAIR,
    "reused-damaged": _REPAIR,
    # What was erased.
    "tombstone-damaged": _ERASE,
    "erased-present": _ERASE,
    "proof-wrong": _REPAIR_FROM,
    # What a repair could not tell.
    "history-lost": "pithstore --store COPY get, then pithstore put, where it is missed",
    # What the engine keeps beside the data, and how its pages hang together.
    "receipt-missing": "any command that changes the store, such as pithstore put",
    "structure-damaged": "pithstore salvage DIR",
    # A copy.
    "copy-wrong": "pithstore repair --from STORE, of the copy",
    "copy-stopped": "pithstore repair, then pithstore backup DIR again",
}
"""By the code of a problem, which is stable: what to type."""
