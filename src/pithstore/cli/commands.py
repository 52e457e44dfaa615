"""The commands by name, and how what they raise becomes a message and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from pithstore.cli.options import shared_options, store_of
from pithstore.cli.output import say, silence
from pithstore.errors import EXIT_DONE, EXIT_INTERRUPTED, EXIT_USAGE, Damaged, PithstoreError, StorageFailed

COMMANDS = {
    "init": "Create a store.",
    "put": "Store records from files.",
    "get": "Print the record that a reference means.",
    "cat": "Print the blob that a digest names.",
    "ls": "List sources, or the sections of a version.",
    "sources": "List each source with its version as of a moment.",
    "log": "List the versions of a source.",
    "diff": "Show what changed between two versions.",
    "matrix": "Show which sections changed in which versions.",
    "blame": "Show which version, builder and time set each value.",
    "who": "List the versions that hold a blob.",
    "builders": "List the builders, or show what one changed against another.",
    "conflicts": "List where one builder made two contents of one source version.",
    "declared": "Show what became of the digests that sections declare.",
    "reproduce": "Run a builder again and compare what it makes.",
    "verify": "Read everything again and compare it with its hashes.",
    "scrub": "Verify in pieces, going on where the last one stopped.",
    "compact": "Write the store anew, densely.",
    "forget": "Drop versions on purpose.",
    "erase": "Take the bytes of sections off the medium.",
    "gc": "Remove what nothing reaches.",
    "backup": "Copy what is new into a store in another directory.",
    "repair": "Mend what is damaged, from another copy.",
    "salvage": "Get what is intact out of a damaged store.",
    "check": "Validate records without storing them.",
    "export": "Write a store out, as an archive or as tables.",
    "hash": "Print canonical hashes of JSON texts.",
    "stat": "Print how much the store holds.",
    "torture": "Try on a medium what a store survives.",
}


class _Commands(click.Group):
    """The commands by name, none of them imported before it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"pithstore.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=_Commands,
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="A reference is SOURCE[@SELECTOR][#SECTION[/POINTER]], as in arxiv:2606.09475@-1#verdict. "
    "Exit codes: 0 done, 1 differs or problems found, 2 usage, 3 partly done, 4 not found, 5 ambiguous, "
    "6 invalid record, 7 declared mismatch, 10 no store, 11 busy, 12 damaged, 13 erased, 15 storage failed, "
    "130 interrupted.",
)
@shared_options
@click.version_option(package_name="pithstore", message="%(package)s %(version)s")
def cli() -> None:
    """Keep every version of JSON records, once, and prove that they are what they were."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command (the process's own arguments if none are given); its exit code."""
    if sys.stdout is None:
        _say("the standard output is closed; give it a file or /dev/null")
        return StorageFailed.exit_code
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output has seen enough
        silence(sys.stdout)
        return EXIT_DONE
    except OSError as error:
        _say(f"{error.filename or 'standard output'}: {error.strerror or error}")
        silence(sys.stdout)
        return StorageFailed.exit_code
    return code


def say_damaged(by: str, arguments: Sequence[str]) -> int:
    """Say that reading the store ended the process, by that signal; the exit code for it."""
    try:
        store = store_of(arguments)
    except PithstoreError:
        store = "the store"
    _say(
        f"the data of {store} are damaged: reading them ended the process ({by}); "
        "run 'pithstore verify --deep' to see what is wrong, or 'pithstore salvage' to get out what is intact"
    )
    return Damaged.exit_code


def _run(arguments: Sequence[str] | None) -> int:
    color = False if os.environ.get("NO_COLOR") else None
    try:
        # Not cli.main(): it makes exit code 1 of a reader that has seen enough.
        given = sys.argv[1:] if arguments is None else list(arguments)
        with cli.make_context("pithstore", given, color=color) as context:
            result = cli.invoke(context)
    except click.exceptions.Exit as end:  # --help and --version
        return end.exit_code
    except PithstoreError as error:
        _say(str(error))
        return error.exit_code
    except click.ClickException as error:
        _say(f"{error.format_message().rstrip('.')}; see '{_command_path(error)} --help'")
        return EXIT_USAGE
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted; what was acknowledged stays")
        return EXIT_INTERRUPTED
    return result if isinstance(result, int) else EXIT_DONE


def _command_path(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return context.command_path if isinstance(context, click.Context) else "pithstore"


def _say(message: str) -> None:
    say(f"pithstore: {message}")
