"""pithstore: a content-addressed snapshot store for versioned JSON records.

    with pithstore.open("archive.pith", create=True) as store:
        store.put(record)
        record = store.get("arxiv:2606.09475@-1")

Names are imported when they are first used, so that a program pays only for what it does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pithstore.canonical import canonical
    from pithstore.diff.comparison import Diff, SectionDiff
    from pithstore.diff.values import Change, as_patch, patch
    from pithstore.digest import Digest
    from pithstore.errors import (
        Ambiguous,
        Damaged,
        Erased,
        FormatUnknown,
        InvalidRecord,
        NoStore,
        NotFound,
        PithstoreError,
        StorageFailed,
        StoreBusy,
        StoreExists,
        UsageError,
    )
    from pithstore.history.log import LogEntry, LogFilter
    from pithstore.limits import Limits
    from pithstore.model import Manifest, Source, Version
    from pithstore.profile import Profile, check_declared
    from pithstore.reader import Reader
    from pithstore.record import manifest_digest, snapshot_hash
    from pithstore.references import Ref
    from pithstore.report import (
        BackupReport,
        Collected,
        CompactReport,
        ErasedReport,
        Forgotten,
        Lost,
        Problem,
        RepairReport,
        Salvaged,
        ScrubReport,
        Stat,
        VerifyReport,
    )
    from pithstore.results import PutResult, PutSummary
    from pithstore.salvaging.salvage import salvage
    from pithstore.store import Store, open  # noqa: A004 - read as pithstore.open

_HOMES = {
    "canonical": ("canonical",),
    "diff.comparison": ("Diff", "SectionDiff"),
    "diff.values": ("Change", "as_patch", "patch"),
    "digest": ("Digest",),
    "errors": (
        "Ambiguous",
        "Damaged",
        "Erased",
        "ErasedReport",
        "FormatUnknown",
        "InvalidRecord",
        "NoStore",
        "NotFound",
        "PithstoreError",
        "StorageFailed",
        "StoreBusy",
        "StoreExists",
        "UsageError",
    ),
    "limits": ("Limits",),
    "history.log": ("LogEntry", "LogFilter"),
    "model": ("Manifest", "Source", "Version"),
    "results": ("PutResult", "PutSummary"),
    "profile": ("Profile", "check_declared"),
    "reader": ("Reader",),
    "record": ("manifest_digest", "snapshot_hash"),
    "references": ("Ref",),
    "report": (
        "BackupReport",
        "Collected",
        "CompactReport",
        "ErasedReport",
        "Forgotten",
        "Lost",
        "Problem",
        "RepairReport",
        "Salvaged",
        "ScrubReport",
        "Stat",
        "VerifyReport",
    ),
    "salvaging.salvage": ("salvage",),
    "store": ("Store", "open"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Ambiguous",
    "BackupReport",
    "Change",
    "Collected",
    "CompactReport",
    "Damaged",
    "Diff",
    "Digest",
    "Erased",
    "Forgotten",
    "FormatUnknown",
    "InvalidRecord",
    "Limits",
    "LogEntry",
    "LogFilter",
    "Lost",
    "Manifest",
    "NoStore",
    "NotFound",
    "PithstoreError",
    "Problem",
    "Profile",
    "PutResult",
    "PutSummary",
    "Reader",
    "Ref",
    "RepairReport",
    "Salvaged",
    "ScrubReport",
    "SectionDiff",
    "Source",
    "Stat",
    "StorageFailed",
    "Store",
    "StoreBusy",
    "StoreExists",
    "UsageError",
    "VerifyReport",
    "Version",
    "as_patch",
    "canonical",
    "check_declared",
    "manifest_digest",
    "open",
    "patch",
    "salvage",
    "snapshot_hash",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
