"""What every command has: which store, and JSON or text; before the command's name or after it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import click

from pithstore.errors import NoStore, UsageError

if TYPE_CHECKING:
    from pithstore.model import Source
    from pithstore.reader import Reader
    from pithstore.store import Store

_STORE, _JSON = "pithstore.store", "pithstore.json"
_AT, _AS_RECORDED, _BUILDER = "pithstore.at", "pithstore.as_recorded", "pithstore.builder"
_NEAREST = ".pithstore"

Decorated = TypeVar("Decorated", bound="Callable[..., object] | click.Command")


def _keep(key: str) -> Callable[[click.Context, click.Parameter, object], None]:
    def keep(ctx: click.Context, parameter: click.Parameter, value: object) -> None:
        if value == "":
            raise click.BadParameter(
                f"it is empty; give a {parameter.metavar or 'value'}", ctx=ctx, param=parameter
            )
        if value:
            ctx.meta[key] = value

    return keep


def _option(name: str, metavar: str, key: str, told: str) -> Callable[[Decorated], Decorated]:
    """An option whose value is kept with the context, for whoever asks for it later."""
    return click.option(name, metavar=metavar, expose_value=False, callback=_keep(key), help=told)


def shared_options(command: Decorated) -> Decorated:
    """Give a command --store and --json."""
    store = _option("--store", "PATH", _STORE, "The store; else $PITHSTORE, else the nearest .pithstore.")
    as_json = click.option(
        "--json", is_flag=True, expose_value=False, callback=_keep(_JSON), help="Print JSON, for programs."
    )
    return store(as_json(command))


def horizon_options(command: Decorated) -> Decorated:
    """Give a command --at and --as-recorded: what had been observed, and what the store knew, by then."""
    at = _option("--at", "TIME", _AT, "Read as of then, by the time of observation.")
    recorded = _option("--as-recorded", "TIME", _AS_RECORDED, "Read what the store had recorded by then.")
    return at(recorded(command))


def builder_option(command: Decorated) -> Decorated:
    """Give a command --builder: the history of what one builder made, as if there were no other."""
    told = "Only what this builder made: changes are then since its version before."
    return _option("--builder", "NAME", _BUILDER, told)(command)


@contextmanager
def open_reader() -> Iterator[Reader]:
    """The store that the command is about, open for reading within --at, --as-recorded and --builder."""
    with open_store() as store:
        yield within(store)


def within(store: Store) -> Reader:
    """The store within --at, --as-recorded and --builder."""
    meta = click.get_current_context().meta
    return store.within(at=meta.get(_AT), as_recorded=meta.get(_AS_RECORDED), builder=meta.get(_BUILDER))


def read_source(text: str) -> Source:
    """The source that --source names."""
    from pithstore.references import read_ref

    ref = read_ref(text)
    if ref.selector is not None or ref.pointer:
        raise UsageError(f"{text} means one version; --source takes a source: {ref.source}")
    return ref.source


def wants_json() -> bool:
    """Whether --json was given."""
    return bool(click.get_current_context().meta.get(_JSON))


def named_store() -> str | None:
    """The store that --store or $PITHSTORE names."""
    given = click.get_current_context().meta.get(_STORE)
    return str(given) if given else os.environ.get("PITHSTORE") or None


def given_store() -> str | None:
    """The store that --store names."""
    given = click.get_current_context().meta.get(_STORE)
    return str(given) if given else None


def new_store() -> str:
    """Where `init` creates a store."""
    return named_store() or _NEAREST


def open_store(*, readonly: bool = True, isolate: bool = False) -> Store:
    """The store that the command is about, open."""
    from pithstore.store import open as open_path

    return open_path(store_path(), readonly=readonly, isolate=isolate)


def store_path() -> str:
    """Where the store lies that the command is about."""
    return named_store() or _nearest()


def store_of(arguments: Sequence[str]) -> str:
    """The store that a command line is about, whose command is not running."""
    given = [value for name, value in pairwise(arguments) if name == "--store"]
    given += [each.removeprefix("--store=") for each in arguments if each.startswith("--store=")]
    return (given or [""])[-1] or os.environ.get("PITHSTORE") or _nearest()


def _nearest() -> str:
    here, above = os.getcwd(), None
    while here != above:
        candidate = os.path.join(here, _NEAREST)
        if os.path.isdir(candidate):
            return candidate
        here, above = os.path.dirname(here), here
    raise NoStore(
        f"no store is named and there is no {_NEAREST} here or above; give --store PATH or set PITHSTORE, or "
        "create one with 'pithstore init'"
    )
