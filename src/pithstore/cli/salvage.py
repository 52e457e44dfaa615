"""`pithstore salvage`: what is intact in a damaged store, into a new one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from pithstore.cli import options
from pithstore.cli.output import print_json, print_line, progress_bars, say
from pithstore.errors import EXIT_DIFFERS, EXIT_DONE

if TYPE_CHECKING:
    from pithstore.report import Lost, Salvaged
