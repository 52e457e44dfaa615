"""`pithstore diff`: show what changed between two versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import click

from pithstore.cli import options
from pithstore.cli.diff_output import change_json, print_diff, print_lines, print_stat
from pithstore.cli.output import print_json
from pithstore.errors import EXIT_DIFFERS, EXIT_DONE, UsageError

if TYPE_CHECKING:
    from pithstore.diff.comparison import Diff, Status
    from pithstore.pointer import Json


@click.command("diff", short_help="Show what changed between two versions.")
@options.shared_options
@options.horizon_options
@click.argument("before", metavar="REF")
@click.argument("after", metavar="REF")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "patch", "merge", "json", "md"]),
    help="Text for people, RFC 6902, RFC 7396, a line a change, or Markdown.",
)
@click.option("--stat", is_flag=True, help="Show how many changes each section has.")
@click.option("--check-only", is_flag=True, help="Show which sections differ; none is read.")
@click.option("--section", "sections", multiple=True, metavar="NAME", help="Only this section; repeats.")
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="/PATH=FIELD",
    help="Know the elements of that list by that member; repeats.",
)
def command(
    before: str,
    after: str,
    form: str | None,
    stat: bool,
    check_only: bool,
    sections: tuple[str, ...],
    keys: tuple[str, ...],
) -> int:
    """Show what changed from the first version to the second; exit 1 if anything did.

    JSON: {"section", "op", "path", "from", "old", "value"} a line; "from" is null but for move, "old" for add,
    "value" for remove.
    """
    from pithstore.diff.list_keys import read_list_key

    wanted = _wanted(form, stat, check_only)
    if check_only and keys:
        raise UsageError("--check-only reads no list; leave out --key")
    with options.open_reader() as store:
        if check_only:
            return _print_statuses(store.compare(before, after, sections), as_json=wanted == "json")
        diff = store.diff(before, after, sections, map(read_list_key, keys))
    if stat:
        print_stat(diff, as_json=wanted == "json")
    else:
        _PRINTERS[wanted](diff)
    return EXIT_DIFFERS if diff else EXIT_DONE


def _wanted(form: str | None, stat: bool, check_only: bool) -> str:
    """The format that the options come to; UsageError where they contradict each other."""
    if stat and check_only:
        raise UsageError("--stat reads what --check-only leaves alone; give one of them")
    if options.wants_json() and form in ("text", "md"):
        raise UsageError(f"--json and --format {form} are two formats; give one of them")
    if (stat or check_only) and form in ("patch", "merge", "md"):
        option = "--stat" if stat else "--check-only"
        raise UsageError(f"{option} has no format {form}; leave out one of them")
    return form or ("json" if options.wants_json() else "text")


def _print_statuses(statuses: Mapping[str, Status], *, as_json: bool) -> int:
    from pithstore.rendering.diff_text import status_line

    differing = [name for name, status in statuses.items() if status != "same"]
    if as_json:
        for name, status in statuses.items():
            print_json({"section": name, "status": status})
    else:
        print_lines(status_line(name, statuses[name]) for name in differing)
    return EXIT_DIFFERS if differing else EXIT_DONE


def _print_text(diff: Diff) -> None:
    print_diff(diff, headings=True)


def _print_patch(diff: Diff) -> None:
    from pithstore.diff.changes import as_patch

    print_json(as_patch(diff))


def _print_merge(diff: Diff) -> None:
    from pithstore.diff.merge_patch import as_merge_patch

    old: Json = {section.name: section.before for section in diff.sections if section.status in _BEFORE}
    new: Json = {section.name: section.after for section in diff.sections if section.status in _AFTER}
    print_json(as_merge_patch(old, new))


def _print_json(diff: Diff) -> None:
    for section in diff.sections:
        for change in section.changes:
            print_json({"section": section.name, **change_json(change)})


def _print_markdown(diff: Diff) -> None:
    from pithstore.rendering.diff_markdown import diff_markdown

    click.echo(diff_markdown(diff), nl=False)


_BEFORE, _AFTER = ("removed", "changed"), ("added", "changed")
_PRINTERS: Mapping[str, Callable[[Diff], None]] = {
    "text": _print_text,
    "patch": _print_patch,
    "merge": _print_merge,
    "json": _print_json,
    "md": _print_markdown,
}
