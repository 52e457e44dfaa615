"""A store, or a part of its history, as an archive: the way out that needs no pithstore to be read."""

from __future__ import annotations

from collections.abc import Callable

from pithstore import meta
from pithstore.engine import Engine
from pithstore.export.archive import ArchiveHeader, ArchiveTrailer, ArchiveWriter
from pithstore.export.filter import ExportFilter
from pithstore.export.rows import Walked, archived_versions
from pithstore.wire import to_json


def export_archive(
    engine: Engine,
    write: Callable[[bytes], object],
    only: ExportFilter,
    walked: Walked,
    left_out: Walked = lambda _: None,
) -> ArchiveTrailer:
    """What the archive adds up to whose lines were given to `write`; Damaged where a version is not sound.

    `left_out` is told how many versions more lack a section, which was erased: they are not in the archive.
    """
    header = ArchiveHeader(to_json(engine.view(meta.read_configuration)), only.to_json())
    archive = ArchiveWriter(write, header)
    for archived in archived_versions(engine, only, walked, left_out):
        archive.add(archived)
    return archive.end()
