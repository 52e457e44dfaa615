"""On a terminal: colour, progress, and nothing from a record, a name or an argument that could command it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from pithstore.cli.commands import COMMANDS, cli
from tests.cli.conftest import ARXIV, HISTORY, ROR, SEED, Done, Pithstore, on_a_terminal
from tests.cli.records import record

DANGEROUS = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
PROGRESS = re.compile("\r\x1b\\[K[^\n]*?(?=\r|\n)|\x1b\\[\\?25[hl]|\r")
"""What a progress bar writes, and the \\r that a terminal puts before \\n."""

NASTY = "a\x1b[31m\u202egnp\x07\x9b2J\r\n\u2066\u200b\u2028 \x7fé"


@pytest.fixture
def nasty(pithstore: Pithstore, store: Path, tmp_path: Path) -> str:
    """A store that holds two versions of a record that is nasty all over; its reference."""
    path = tmp_path / "nasty.jsonl"
    records = [
        {
            "source": {"kind": NASTY, "id": NASTY, "version": NASTY},
            "builder_version": NASTY,
            NASTY: {NASTY: [n, NASTY], f"{n}{NASTY}": n},
            "claims": {"snapshot_sha256": NASTY},
            f"{n}{NASTY}": {"snapshot_sha256": "0"},
        }
        for n in (1, 2)
    ]
    path.write_text("\n".join(map(json.dumps, records)))
    assert pithstore("put", path).code == 0
    (reference,) = pithstore("--store", store, "ls").lines
    return reference


def bad_records(path: Path) -> Path:
    """A file with a nasty name, of records that are refused at nasty places."""
    name, twice = json.dumps(NASTY), json.dumps({NASTY: 1})[:-1]
    records = (
        f"{twice},{name}:2}}",
        f"{{{name}:NaN}}",
        f'{{"source":{{"kind":{name},"id":1}},"builder_version":{name}}}',
        NASTY.replace("\n", ""),
    )
    bad = path / f"bad{NASTY}"
    bad.write_text("\n".join(records))
    return bad


def saying(text: str, rest: str = "") -> str:
    """A builder that says the text."""
    return shlex.join(["sh", "-c", f'printf %s "$1"{rest}', "sh", text])


COMMAND_LINES: dict[str, Callable[[str, Path], tuple[str | Path, ...]]] = {
    "ls": lambda ref, bad: ("ls",),
    "ls of a version": lambda ref, bad: ("ls", ref),
    "log": lambda ref, bad: ("log", ref),
    "log, JSON": lambda ref, bad: ("log", "--json", ref),
    "get": lambda ref, bad: ("get", ref),
    "get pretty": lambda ref, bad: ("get", "--pretty", ref),
    "diff": lambda ref, bad: ("diff", f"{ref}@1", f"{ref}@2"),
    "diff, JSON": lambda ref, bad: ("diff", "--json", f"{ref}@1", f"{ref}@2"),
    "diff, patch": lambda ref, bad: ("diff", "--format", "patch", f"{ref}@1", f"{ref}@2"),
    "no such builder": lambda ref, bad: ("get", f"{ref}@builder=nobody"),
    "no such section": lambda ref, bad: ("get", f"{ref}#{NASTY}{NASTY}"),
    "no such value": lambda ref, bad: ("get", f"{ref}#{NASTY}/{NASTY}x"),
    "no such source": lambda ref, bad: ("get", f"{ref}x"),
    "no reference": lambda ref, bad: ("get", NASTY),
    "no selector": lambda ref, bad: ("get", f"k:i@{NASTY}"),
    "no number": lambda ref, bad: ("get", "k:i@" + "9" * 30),
    "no digest": lambda ref, bad: ("cat", NASTY),
    "no time": lambda ref, bad: ("put", "--at", f"2026-01{NASTY}", bad),
    "no command": lambda ref, bad: (NASTY,),
    "no option": lambda ref, bad: ("ls", f"--{NASTY}"),
    "no choice": lambda ref, bad: ("put", "--on-error", NASTY, bad),
    "no file": lambda ref, bad: ("put", NASTY),
    "no store": lambda ref, bad: ("--store", f"x{NASTY}", "ls"),
    "no rule": lambda ref, bad: ("--store", "y", "init", "--source-id", f"/~{NASTY}"),
    "init": lambda ref, bad: ("--store", f"z{NASTY}", "init"),
    "check": lambda ref, bad: ("check", "--declared", bad.with_name("nasty.jsonl")),
    "check, refused": lambda ref, bad: ("check", bad),
    "hash, refused": lambda ref, bad: ("hash", bad),
    "put, refused": lambda ref, bad: ("put", bad),
    "put, skipped": lambda ref, bad: ("put", bad.with_name("nasty.jsonl")),
    "put, by pointer": lambda ref, bad: ("put", "--at-pointer", f"/{NASTY}", bad.with_name("nasty.jsonl")),
    "verify": lambda ref, bad: ("verify",),
    "sources": lambda ref, bad: ("sources",),
    "sources, JSON": lambda ref, bad: ("sources", "--json"),
    "matrix": lambda ref, bad: ("matrix", ref),
    "blame": lambda ref, bad: ("blame", ref),
    "builders": lambda ref, bad: ("builders",),
    "builders, no such": lambda ref, bad: ("builders", NASTY, f"{NASTY}x"),
    "conflicts": lambda ref, bad: ("conflicts",),
    "declared": lambda ref, bad: ("declared",),
    "declared of a source": lambda ref, bad: ("declared", ref),
    "reproduce, failing": lambda ref, bad: ("reproduce", ref, "--run", saying(NASTY, " >&2; false")),
    "reproduce, no record": lambda ref, bad: ("reproduce", ref, "--run", saying(NASTY)),
    "reproduce, no builder": lambda ref, bad: ("reproduce", ref, "--run", NASTY),
    "reproduce, JSON": lambda ref, bad: ("reproduce", "--json", ref, "--run", saying(NASTY, " >&2; false")),
    "table of versions": lambda ref, bad: ("export", "--table", "versions", "--format", "jsonl"),
    "table of changes, CSV": lambda ref, bad: ("export", "--table", "changes", "--format", "csv"),
    "table of blobs": lambda ref, bad: ("export", "--table", "blobs", "--format", "jsonl"),
    "archive": lambda ref, bad: ("export", "--archive", "-"),
    "export, to nowhere": lambda ref, bad: ("export", "--output", f"nowhere/{NASTY}/x"),
    "put, no archive": lambda ref, bad: ("put", "--from-archive", bad),
    "put, archive of nothing": lambda ref, bad: ("put", "--from-archive", NASTY),
    "who, no digest": lambda ref, bad: ("who", NASTY),
    "log, changes": lambda ref, bad: ("log", "--patch", ref),
    "log, no section": lambda ref, bad: ("log", ref, "--section", NASTY),
    "ls, as of": lambda ref, bad: ("ls", "--at", NASTY),
    "stat": lambda ref, bad: ("stat",),
    "compact": lambda ref, bad: ("compact",),
}


@pytest.mark.parametrize("name", COMMAND_LINES)
def test_nothing_of_a_record_or_a_name_reaches_a_terminal_raw(
    nasty: str, pithstore: Pithstore, store: Path, tmp_path: Path, name: str
) -> None:
    arguments = COMMAND_LINES[name](nasty, bad_records(tmp_path))
    shown = on_a_terminal(*arguments, NO_COLOR="1", PITHSTORE=str(store)).text
    assert shown.strip()
    assert shown.endswith("\n") or "\x1b[?25h" in shown
    plain = PROGRESS.sub("", shown)
    assert not DANGEROUS.search(plain), plain
    piped: Done = (
        pithstore(*arguments) if name not in ("init", "get", "get pretty", "archive") else pithstore("ls")
    )
    assert not DANGEROUS.search(piped.text + piped.err)


def test_a_damaged_nasty_record_is_named_harmlessly(nasty: str, store: Path) -> None:
    from tests.cli.test_shapes import break_a_blob

    break_a_blob(store)
    damaged: tuple[tuple[str, ...], ...] = (
        *(
            ("verify",),
            ("verify", "--json"),
            ("get", nasty),
            ("diff", f"{nasty}@1", f"{nasty}@2"),
            ("blame", nasty),
        ),
        *(("export", "--archive", "out"), ("declared", "--rebuild"), ("compact",), ("log", "--patch", nasty)),
        ("put", "--again", "nasty.jsonl"),
    )
    for arguments in damaged:
        shown = on_a_terminal(*arguments, NO_COLOR="1")
        assert not DANGEROUS.search(PROGRESS.sub("", shown.text)), arguments


def test_get_is_escaped_on_a_terminal_only_and_means_the_same(nasty: str, pithstore: Pithstore) -> None:
    shown, exact = on_a_terminal("get", nasty).text, pithstore("get", nasty)
    assert shown.endswith("}\r\n")
    assert shown.count("\n") == 1
    assert json.loads(shown) == json.loads(exact.out)
    assert exact.out.endswith(b"}")
    assert "\u202egnp".encode() in exact.out
    pretty = on_a_terminal("get", "--pretty", nasty).text
    assert json.loads(pretty) == json.loads(exact.out)


def test_a_blob_and_canonical_bytes_end_the_line_on_a_terminal(pithstore: Pithstore, store: Path) -> None:
    pithstore("put", SEED)
    digest = str(pithstore("ls", "--json", ARXIV).values[0]["digest"])
    for arguments in (("cat", digest), ("hash", "--canonical", SEED), ("get", ARXIV)):
        shown, piped = on_a_terminal(*arguments), pithstore(*arguments)
        assert shown.out == piped.out + b"\r\n", arguments


def test_canonical_bytes_are_harmless_on_a_terminal(nasty: str, tmp_path: Path, pithstore: Pithstore) -> None:
    shown = on_a_terminal("hash", "--canonical", tmp_path / "nasty.jsonl").text
    assert not DANGEROUS.search(shown.replace("\r\n", "\n"))
    assert [json.loads(line) for line in shown.splitlines()] == [
        json.loads(line) for line in (tmp_path / "nasty.jsonl").read_text().splitlines()
    ]


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": ""}, {"NO_COLOR": "1"}], ids=["none", "empty", "set"])
def test_colour_is_for_terminals_that_want_it(
    pithstore: Pithstore, store: Path, variables: dict[str, str]
) -> None:
    pithstore("put", HISTORY)
    for form in ((), ("--json",), ("--format", "patch")):
        difference = ("diff", f"{ROR}@1", f"{ROR}@2", *form)
        coloured = not form and not variables.get("NO_COLOR")
        shown = on_a_terminal(*difference, **variables)
        assert shown.code == 1
        assert ("\x1b[3" in shown.text) == coloured
        assert "\x1b[" not in pithstore(*difference, env=variables).text


def test_progress_shows_on_a_terminal_only(pithstore: Pithstore, store: Path, tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    path.write_bytes(b"\n".join(record(n, text="x" * 1000) for n in range(3000)))
    shown = on_a_terminal("put", path).text
    assert re.search(r"put +\[#+-*\] +\d+%", shown)
    assert "100%" in on_a_terminal("verify").text
    assert "100%" in on_a_terminal("put", path).text  # skipped
    for arguments in (("verify",), ("put", SEED), ("put", "--again", path), ("check", path), ("hash", path)):
        assert pithstore(*arguments).err == ""


def test_every_command_and_option_says_what_it_is(pithstore: Pithstore) -> None:
    context = cli.make_context("pithstore", ["ls"], resilient_parsing=True)
    for name, short in COMMANDS.items():
        command = cli.get_command(context, name)
        assert command is not None
        assert (command.name, command.short_help) == (name, short)
        options = [option for option in command.params if isinstance(option, click.Option)]
        assert len(options) >= 2
        assert all(option.help and option.help.endswith((".", "512.")) for option in options)
        assert (command.help or "").partition(".")[0]
    shown = pithstore("--help")
    assert shown.code == 0
    commands = shown.text.partition("Commands:")[2].partition("A reference is")[0]
    listed = dict(re.findall(r"^  (\w+) +(\S.*)$", commands, re.MULTILINE))
    assert {name: listed[name] for name in COMMANDS} == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_help_needs_no_store_and_names_the_options(pithstore: Pithstore, name: str) -> None:
    for arguments in ((name, "--help"), (name, "-h"), ("--json", name, "--help")):
        shown = pithstore(*arguments)
        assert (shown.code, shown.err) == (0, "")
        assert shown.text.startswith(f"Usage: pithstore {name} ")
        assert "--store" in shown.text
        assert "--json" in shown.text


def test_the_version_is_that_of_the_package(pithstore: Pithstore) -> None:
    assert re.fullmatch(r"pithstore \d+\.\d+\.\d+\n", pithstore("--version").text)
