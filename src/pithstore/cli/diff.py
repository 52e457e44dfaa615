"""`pithstore diff`: show what changed between two versions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from pithstore.cli import options
from pithstore.cli.escape import for_terminal
from pithstore.cli.output import print_json
from pithstore.errors import EXIT_DIFFERS, EXIT_DONE
from pithstore.pointer import Json, read_pointer

if TYPE_CHECKING:
    from pithstore.diff import Change

_SHOWN = 160  # characters of a value; the patch has all of them
_SIGNS = {"add": ("+", "green"), "remove": ("-", "red"), "replace": ("~", "yellow")}


@click.command("diff", short_help="Show what changed between two versions.")
@options.shared_options
@click.argument("before", metavar="REF")
@click.argument("after", metavar="REF")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "patch"]),
    default="text",
    show_default=True,
    help="Text for people, or one RFC 6902 array for the whole record.",
)
def command(before: str, after: str, form: str) -> int:
    """Show what changed from the first version to the second; exit 1 if anything did.

    JSON: {"section", "op", "path", "old", "value"} a line; "old" is null for add, "value" for remove.
    """
    from pithstore.diff import as_patch

    with options.open_store() as store:
        changes = store.diff(before, after)
    if form == "patch":
        print_json(as_patch(changes))
    else:
        for change in changes:
            if options.wants_json():
                _print_change_json(change)
            else:
                _print_change(change)
    return EXIT_DIFFERS if changes else EXIT_DONE


def _print_change_json(change: Change) -> None:
    section = read_pointer(change.path)[0]
    print_json(
        {"section": section, "op": change.op, "path": change.path, "old": change.old, "value": change.value}
    )


def _print_change(change: Change) -> None:
    sign, color = _SIGNS[change.op]
    click.secho(f"{sign} {for_terminal(change.path)}", fg=color)
    if change.op != "add":
        click.echo(f"    - {_shown(change.old)}")
    if change.op != "remove":
        click.echo(f"    + {_shown(change.value)}")


def _shown(value: Json) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    short = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text):,} characters)"
    return for_terminal(short)
