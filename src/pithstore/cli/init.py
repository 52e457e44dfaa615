"""`pithstore init`: create a store."""

from __future__ import annotations

import click

from pithstore.cli import options
from pithstore.cli.output import print_json, print_line
from pithstore.errors import NoStore, StoreExists

_RULE = "RULE"


@click.command("init", short_help="Create a store.")
@options.shared_options
@click.option("--source-kind", metavar=_RULE, help="Where a record names the kind of its source.")
@click.option("--source-id", metavar=_RULE, help="Where a record names its source.")
@click.option("--source-version", metavar=_RULE, help="Where a record names the version of its source.")
@click.option("--builder-version", metavar=_RULE, help="Where a record names the builder that made it.")
@click.option("--record-bytes", type=int, metavar="BYTES", help="The largest record; 16777216 if not given.")
@click.option("--nesting", type=int, metavar="LEVELS", help="The deepest nesting, at most 512.")
def command(record_bytes: int | None, nesting: int | None, **rules: str | None) -> None:
    """Create a store at --store, at $PITHSTORE, or at .pithstore here.

    A RULE that starts with '/' is a JSON Pointer into a record, any other is a constant.  Without rules a record
    has source.kind, source.id, source.version and builder_version.  Rules and limits are fixed from then on.
    """
    from pithstore.limits import DEFAULT_LIMITS, Limits
    from pithstore.profile import Profile
    from pithstore.store import open as open_store
    from pithstore.wire import to_json

    given = {name: rule for name, rule in rules.items() if rule is not None}
    profile = Profile(**given, declared="none", list_keys=()) if given else Profile()
    limits = Limits(
        DEFAULT_LIMITS.record_bytes if record_bytes is None else record_bytes,
        DEFAULT_LIMITS.nesting if nesting is None else nesting,
    )
    path = options.new_store()
    _refuse_existing(path)
    with open_store(path, create=True, profile=profile, limits=limits) as store:
        if options.wants_json():
            print_json({"store": path, "configuration": to_json(store.configuration)})
        else:
            print_line(f"created a store at {path}")


def _refuse_existing(path: str) -> None:
    from pithstore.store import open as open_store

    try:
        open_store(path, readonly=True).close()
    except NoStore:
        return
    raise StoreExists(f"there is a store at {path} already; choose another place, or use that one")
