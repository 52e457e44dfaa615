"""What `--json` prints, every option and every exit code are what docs/cli.md says, name for name."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pithstore import errors
from pithstore.cli.commands import COMMANDS, cli
from pithstore.engine.lmdb import LmdbEngine
from pithstore.errors import CATALOGUE
from pithstore.keys import SPACES, TAIL
from pithstore.refusal import Reason
from pithstore.remedies import REMEDIES
from pithstore.report import Problem, VerifyReport
from tests.cli.conftest import ARXIV, HISTORY, ROR, SEED, Pithstore

TEXT = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
NULL, BOOLEAN, STRING, ARRAY, OBJECT = type(None), bool, str, list, dict
TYPES: dict[str, tuple[type, ...]] = {
    "string": (STRING,),
    "integer": (int,),
    "boolean": (BOOLEAN,),
    "array": (ARRAY,),
    "object": (OBJECT,),
    "string or null": (STRING, NULL),
    "integer or null": (int, NULL),
    "array or null": (ARRAY, NULL),
    "number": (float,),
    "number or null": (float, NULL),
    "string, number, boolean or null": (STRING, int, float, BOOLEAN, NULL),
    "any": (STRING, int, float, BOOLEAN, NULL, ARRAY, OBJECT),
}

CODE = "[a-z]+-(?:damaged|missing|mismatch|wrong|empty|present)"

Shape = dict[str, str]


def section(heading: str) -> str:
    """What stands under a heading of the reference."""
    return re.split(r"^## ", TEXT.split(f"\n## {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str, header: str) -> list[str]:
    """The rows of each table with that header, as one text a table."""
    parts = re.split(rf"^\| {re.escape(header)} \|$", text, flags=re.MULTILINE)[1:]
    return [part.split("\n\n", 1)[0] for part in parts]


def shapes(command: str) -> list[Shape]:
    """Name → type in each table of a command's JSON."""
    tables = rows(section(command), "name | type | meaning")
    return [dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", table, re.MULTILINE)) for table in tables]


def check_shape(value: object, shape: Shape) -> None:
    """Assert that an object has exactly these names, with values of these types."""
    assert isinstance(value, dict)
    assert list(value) == list(shape)
    for name, kind in shape.items():
        assert type(value[name]) in TYPES[kind], (name, value[name])


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("put", ("put", SEED, "--again")),
        ("put", ("put", SEED)),
        ("log", ("log", ROR)),
        ("diff", ("diff", f"{ROR}@1", f"{ROR}@2")),
        ("diff", ("diff", f"{ROR}@2", f"{ROR}@7")),
        ("check", ("check", SEED, HISTORY)),
        ("check", ("check", "--declared", SEED)),
        ("hash", ("hash", SEED, HISTORY)),
        ("stat", ("stat",)),
        ("verify", ("verify",)),
        ("verify", ("verify", "--quick")),
        ("verify", ("verify", "--deep")),
        ("scrub", ("scrub",)),
        ("scrub", ("scrub", "--max-duration", "0s")),
        ("scrub", ("scrub", "--sample", "50%")),
        ("init", ("--store", "other", "init")),
        ("init", ("--store", "third", "init", "--source-kind", "dataset", "--nesting", "9")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.usefixtures("store")
def test_each_line_has_the_names_and_types_of_the_reference(
    pithstore: Pithstore, command: str, arguments: tuple[str, ...]
) -> None:
    pithstore("put", SEED, HISTORY)
    shape = shapes(command)[0]
    done = pithstore(*arguments, "--json")
    assert done.values
    for value in done.values:
        check_shape(value, shape)
    assert done.out.isascii()


@pytest.mark.usefixtures("store")
def test_json_may_stand_before_the_command(pithstore: Pithstore) -> None:
    pithstore("put", SEED, HISTORY)
    for command in ("stat", "verify", "ls", f"log {ROR}", f"diff {ROR}@1 {ROR}@2", f"check {SEED}", f"ls {ROR}"):
        before, after = pithstore("--json", *command.split()), pithstore(*command.split(), "--json")
        assert before.values
        assert before == after


@pytest.mark.usefixtures("store")
def test_stat_of_an_empty_store_has_its_shape_too(pithstore: Pithstore) -> None:
    (stat,) = pithstore("stat", "--json").values
    check_shape(stat, shapes("stat")[0])
    assert stat["dedupe_ratio"] is None
    assert pithstore("stat").lines[-1].split() == ["dedupe", "ratio", "-"]


@pytest.mark.usefixtures("store")
def test_both_lists_have_the_names_of_the_reference(pithstore: Pithstore) -> None:
    pithstore("put", SEED, HISTORY)
    of_sources, of_sections = shapes("ls")
    for arguments, shape, count in ((("ls",), of_sources, 2), (("ls", ARXIV), of_sections, 9)):
        values = pithstore(*arguments, "--json").values
        assert len(values) == count
        for value in values:
            check_shape(value, shape)


@pytest.mark.usefixtures("store")
def test_what_is_json_anyway_is_the_same_with_the_option(pithstore: Pithstore) -> None:
    pithstore("put", SEED)
    digest = str(pithstore("ls", "--json", ARXIV).values[0]["digest"])
    for arguments in (("get", ARXIV), ("get", "--pretty", ARXIV), ("get", f"{ARXIV}#verdict"), ("cat", digest)):
        assert pithstore("--json", *arguments) == pithstore(*arguments)


def test_a_patch_is_one_array_with_and_without_the_option(pithstore: Pithstore, store: Path) -> None:
    pithstore("put", HISTORY)
    patch = ("diff", f"{ROR}@1", f"{ROR}@3", "--format", "patch")
    done = pithstore(*patch)
    assert done == pithstore("--json", *patch)
    operations = json.loads(done.out)
    assert {tuple(operation) for operation in operations} == {
        ("op", "path", "value"),
        ("op", "path"),
    }


def test_verify_and_its_problems_have_the_names_of_the_reference(pithstore: Pithstore, store: Path) -> None:
    pithstore("put", SEED)
    of_report, of_problem = shapes("verify")
    (sound,) = pithstore("verify", "--json").values
    check_shape(sound, of_report)
    assert (sound["ok"], sound["problems"]) == (True, [])
    break_a_blob(store)
    done = pithstore("verify", "--json")
    report = json.loads(done.out)
    check_shape(report, of_report)
    assert (done.code, report["ok"]) == (1, False)
    for problem in report["problems"]:
        check_shape({name: problem[name] for name in of_problem}, of_problem)
        assert set(problem) == set(of_problem)
    assert (ARXIV, 1) in {(problem["source"], problem["number"]) for problem in report["problems"]}
    text = pithstore("verify")
    assert text.code == 1
    assert text.lines[-1].startswith(f"{len(report['problems'])} problems in ")


def test_a_blob_that_is_damaged_is_never_given_and_a_put_mends_it(pithstore: Pithstore, store: Path) -> None:
    pithstore("put", SEED)
    digest = str(pithstore("ls", "--json", ARXIV).values[0]["digest"])
    break_a_blob(store)
    for arguments in (("get", ARXIV), ("get", f"{ARXIV}#author_claims"), ("cat", digest)):
        got = pithstore(*arguments)
        assert (got.code, got.out) == (12, b"")
    assert f"{ARXIV} version 1: section 'author_claims'" in pithstore("get", ARXIV).err
    assert pithstore("put", SEED, "--again").code == 0
    assert pithstore("verify").code == 0
    assert pithstore("get", ARXIV).code == 0


def break_a_blob(store: Path) -> None:
    engine = LmdbEngine.open(store, SPACES)
    ((key, value),) = engine.view(lambda view: view.scan(TAIL, limit=1))
    engine.update(lambda update: update.put_many(TAIL, [(key, value[:9] + bytes([value[9] ^ 1]) + value[10:])]))
    engine.close()


def test_every_code_of_a_problem_is_in_the_reference_with_what_mends_it() -> None:
    source = Path(__file__).parents[2] / "src" / "pithstore"
    paths = [source / "verify.py", source / "scrub.py", source / "opening.py", *source.glob("verifying/*.py")]
    said = set(re.findall(rf'"({CODE})"', "".join(path.read_text() for path in paths)))
    (table,) = rows(section("verify"), "code | what is wrong | what mends it")
    documented = {
        code: remedy
        for codes, remedy in re.findall(r"^\| (`.*?) \| [^|]+ \| ([^|]+) \|$", table, re.MULTILINE)
        for code in re.findall(r"`([^`]+)`", codes)
    }
    assert documented.keys() == said
    assert documented == {code: REMEDIES[code] for code in documented}


def test_a_report_is_ok_when_nothing_was_found() -> None:
    assert VerifyReport(1, 1, 1, ()).ok
    assert not VerifyReport(1, 1, 1, (Problem("blob-damaged", "message"),)).ok


def test_the_table_of_exit_codes_is_the_catalogue() -> None:
    (table,) = rows(section("Exit codes"), "code | meaning")
    codes = [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)]
    others = {errors.EXIT_DONE, errors.EXIT_DIFFERS, errors.EXIT_PARTLY, errors.EXIT_INTERRUPTED}
    assert codes == sorted(others | {error.exit_code for error in CATALOGUE.values()})


def test_the_table_of_reasons_is_the_list_of_reasons() -> None:
    (table,) = rows(section("Refused records"), "reason | what was refused")
    assert re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE) == [str(reason) for reason in Reason]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_in_the_reference(name: str) -> None:
    context = cli.make_context("pithstore", [name], resilient_parsing=True)
    command = cli.get_command(context, name)
    assert command is not None
    options = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
    table = "\n".join(rows(section(name), "option | meaning"))
    documented = set(re.findall(r"^\| `(--[\w-]+)", table, re.MULTILINE))
    assert documented == options - {"--store", "--json"}
    assert {"--store PATH", "--json"} <= set(re.findall(r"^\| `(--[^`]+)`", TEXT, re.MULTILINE))


def test_every_command_has_an_example() -> None:
    for name in COMMANDS:
        assert re.search(rf"^\$ .*pithstore .*{name}", section(name), re.MULTILINE), name
