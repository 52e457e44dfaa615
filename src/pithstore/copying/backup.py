"""A copy of an open store in the store of a directory."""

from __future__ import annotations

import os
from contextlib import closing

from pithstore import meta
from pithstore.copying.copy import Progress, copy
from pithstore.copying.cut import cut_now
from pithstore.engine import Engine
from pithstore.errors import Damaged, FormatUnknown, UsageError
from pithstore.opening import open_engine
from pithstore.report import BackupReport

_PATIENCE = 60.0  # seconds, that of a put


def backup(
    engine: Engine,
    directory: str | os.PathLike[str],
    path: str | None,
    progress: Progress,
    *,
    exact: bool,
) -> BackupReport:
    """What copying the store into the one in that directory came to, which is created if there is none.

    `path` is where the store lies, if it is known; `exact` asks for a cut that waits for whoever writes.
    """
    if path is not None and os.path.exists(directory) and os.path.samefile(path, directory):
        raise UsageError(f"{os.fspath(directory)} is the store itself; name another directory for the backup")
    configuration = engine.view(meta.read_configuration)
    with closing(open_engine(directory, configuration, patience=_PATIENCE)) as target:
        cut = engine.update(cut_now) if exact else engine.view(cut_now)
        try:
            return copy(engine, target, cut, progress)
        except (Damaged, FormatUnknown, UsageError) as error:
            raise type(error)(f"{os.fspath(directory)}: {error}") from None
