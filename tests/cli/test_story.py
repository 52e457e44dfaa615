"""The user's own record, from file to hash and back."""

from __future__ import annotations

import json
import subprocess
from hashlib import sha256
from pathlib import Path

import jsonpatch
import pytest

from tests.cli.conftest import ARXIV, HISTORY, ROR, SCRIPT, SEED, Pithstore, environment

SNAPSHOT = "5b021deda6015e49dbfe590f4b9dcf50735fe318fc44a95a61bc647f239b685f"


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """The seed with one count changed that no declared digest covers."""
    record = json.loads(SEED.read_bytes())
    record["integrity"]["summary"]["critical"] = 1
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(record))
    return path


@pytest.mark.usefixtures("store")
def test_what_is_put_comes_out_as_the_bytes_of_its_hash(pithstore: Pithstore) -> None:
    assert pithstore("put", SEED).code == 0
    got = pithstore("get", "arxiv:2606.09475")
    assert sha256(got.out).hexdigest() == SNAPSHOT
    assert json.loads(got.out) == json.loads(SEED.read_bytes())


@pytest.mark.usefixtures("store")
def test_seed_changed_seed_are_three_versions_of_two_snapshots(pithstore: Pithstore, changed: Path) -> None:
    for file in (SEED, changed):
        assert pithstore("put", file).code == 0
    assert pithstore("put", SEED, "--again").code == 0
    stat = json.loads(pithstore("stat", "--json").out)
    assert (stat["versions"], stat["snapshots"], stat["blobs"]) == (3, 2, 10)
    log = [json.loads(line) for line in pithstore("log", "--json", "arxiv:2606.09475").lines]
    assert [entry["number"] for entry in log] == [1, 2, 3]
    assert [entry["changed"] for entry in log] == [None, ["integrity"], ["integrity"]]
    assert [entry["snapshot"] == SNAPSHOT for entry in log] == [True, False, True]


def test_the_declared_digest_matches_and_the_snapshot_is_another(pithstore: Pithstore, changed: Path) -> None:
    for file, same in ((SEED, True), (changed, False)):
        (line,) = pithstore("check", "--json", "--declared", file).lines
        checked = json.loads(line)
        assert set(checked["declared"].values()) == {"match"}
        assert len(checked["declared"]) == 5
        assert (checked["snapshot"] == SNAPSHOT) is same
    shown = pithstore("check", "--declared", SEED)
    assert shown.text.count(": match") == 5


def test_strict_makes_a_mismatch_an_exit_code(pithstore: Pithstore, tmp_path: Path) -> None:
    record = json.loads(SEED.read_bytes())
    record["integrity"]["findings"] = [{"note": "added later"}]
    path = tmp_path / "tampered.json"
    path.write_text(json.dumps(record))
    assert pithstore("check", "--declared", path).code == 0
    strict = pithstore("check", "--strict", path)
    assert strict.code == 7
    assert "1 declared digest" in strict.err
    assert pithstore("check", "--strict", SEED).code == 0


@pytest.mark.usefixtures("store")
def test_sections_blobs_and_values_are_there_one_by_one(pithstore: Pithstore) -> None:
    pithstore("put", SEED)
    sections = [json.loads(line) for line in pithstore("ls", "--json", "arxiv:2606.09475@1").lines]
    assert [section["section"] for section in sections] == sorted(json.loads(SEED.read_bytes()))
    for section in sections:
        body = pithstore("cat", section["digest"]).out
        assert (sha256(body).hexdigest(), len(body)) == (section["digest"], section["bytes"])
        assert pithstore("get", f"arxiv:2606.09475#{section['section']}").out == body
    assert pithstore("get", "arxiv:2606.09475#paper/primary_cat").out == b'"cs.AI"'


@pytest.mark.usefixtures("store")
def test_a_patch_leads_from_one_version_to_the_next(pithstore: Pithstore) -> None:
    pithstore("put", HISTORY)
    records = [json.loads(pithstore("get", f"ror:005k7hp45@{n}").out) for n in range(1, 9)]
    assert records == [json.loads(line) for line in HISTORY.read_bytes().splitlines()]
    for n in range(1, 8):
        made = pithstore("diff", f"ror:005k7hp45@{n}", f"ror:005k7hp45@{n + 1}", "--format", "patch")
        assert made.code == 1
        assert jsonpatch.apply_patch(records[n - 1], json.loads(made.out)) == records[n]
    assert pithstore("diff", "ror:005k7hp45@3", "ror:005k7hp45@3").code == 0


@pytest.mark.usefixtures("store")
def test_pretty_is_for_reading(pithstore: Pithstore) -> None:
    pithstore("put", SEED)
    pretty = pithstore("get", "--pretty", "arxiv:2606.09475")
    assert json.loads(pretty.out) == json.loads(SEED.read_bytes())
    assert len(pretty.lines) > 30


def test_hash_needs_no_store(pithstore: Pithstore, tmp_path: Path) -> None:
    assert pithstore("hash", SEED).lines == [SNAPSHOT]
    assert pithstore("hash", "--pith-number", SEED).lines == ["LMBB33NGAFPETW76LEHUXHOPKB"]
    assert sha256(pithstore("hash", "--canonical", SEED).out).hexdigest() == SNAPSHOT
    values = tmp_path / "values.jsonl"
    values.write_text('[1, 2.50]\n"text"\n')
    assert pithstore("hash", "--canonical", values).out == b'[1,2.5]\n"text"'
    assert pithstore("hash", values).lines == [sha256(b"[1,2.5]").hexdigest(), sha256(b'"text"').hexdigest()]


def test_a_store_for_records_of_another_shape(pithstore: Pithstore, tmp_path: Path) -> None:
    rules = ("--source-kind", "dataset", "--source-id", "/doi", "--source-version", "/revision")
    assert pithstore("init", *rules, "--builder-version", "/meta/pipeline").code == 0
    path = tmp_path / "dataset.json"
    path.write_text('{"doi":"10.1/a b","revision":"r7","meta":{"pipeline":"p1"},"rows":[1,2]}')
    assert pithstore("put", path).code == 0
    (entry,) = [json.loads(line) for line in pithstore("log", "--json", "dataset:10.1/a%20b").lines]
    assert (entry["builder_version"], entry["source_version"]) == ("p1", "r7")
    assert pithstore("verify").code == 0
    assert pithstore("check", path).code == 6
    assert pithstore("check", "--store", tmp_path / ".pithstore", path).code == 0


@pytest.mark.process
def test_anybody_can_check_the_hash_with_a_pipe(pithstore: Pithstore, store: Path) -> None:
    assert pithstore("put", SEED).code == 0
    piped = f"'{SCRIPT}' --store '{store}' get {ARXIV} | sha256sum"
    done = subprocess.run(["sh", "-c", piped], capture_output=True, timeout=60, check=True, env=environment())
    assert (done.stdout.decode(), done.stderr) == (f"{SNAPSHOT}  -\n", b"")


@pytest.mark.usefixtures("store")
def test_the_history_as_people_read_it(pithstore: Pithstore, changed: Path) -> None:
    first = pithstore("put", SEED)
    assert first.text == "1 record: 1 new version, 0 unchanged, 0 refused; 9 of 9 sections were new\n"
    second = pithstore("put", "--at", "2027-01-02", changed)
    assert second.text == "1 record: 1 new version, 0 unchanged, 0 refused; 1 of 9 sections were new\n"
    assert pithstore("ls").text == f"{ARXIV}\n"
    one, two = pithstore("log", ARXIV).lines
    assert one.startswith(f"@1  {SNAPSHOT[:12]}  ")
    assert one.endswith("Z  pith-number-builder-2026-05-17-v1  first version")
    assert two.endswith("  2027-01-02T00:00:00Z  pith-number-builder-2026-05-17-v1  integrity")
    between = pithstore("diff", f"{ARXIV}@1", ARXIV)
    assert between.code == 1
    assert between.lines[2:] == [
        "  8 sections the same",
        "~ integrity",
        "  ~ /integrity/summary/critical  0 → 1  · 3 members the same",
    ]
    assert pithstore("diff", ARXIV, f"{ARXIV}@2").lines == []
    assert pithstore("verify").text == "ok: 2 versions, 2 snapshots, 10 blobs are what they were\n"
    assert pithstore("stat").lines[1].split() == ["versions", "2"]


@pytest.mark.usefixtures("store")
def test_every_selector_finds_its_version(pithstore: Pithstore, changed: Path) -> None:
    pithstore("put", "--at", "2026-01-01", SEED)
    pithstore("put", "--at", "2026-03-01", changed)
    critical = f"{ARXIV}{{}}#integrity/summary/critical"
    selectors = {
        "": b"1",
        "@1": b"0",
        "@2": b"1",
        "@-1": b"0",
        "@-0": b"1",
        "@2026-02": b"0",
        "@2026-02-28T23:59:59+00:00": b"0",
        "@2026-03-01": b"1",
        f"@sha256:{SNAPSHOT[:8]}": b"0",
        f"@sha256:{SNAPSHOT.upper()}": b"0",
        "@builder=pith-number-builder-2026-05-17-v1": b"1",
    }
    assert {selector: pithstore("get", critical.format(selector)).out for selector in selectors} == selectors


@pytest.mark.usefixtures("store")
def test_long_values_are_cut_for_people_and_not_in_the_patch(pithstore: Pithstore) -> None:
    pithstore("put", HISTORY)
    text = pithstore("diff", f"{ROR}@2", f"{ROR}@3")
    assert "{… 4 members}" in text.text
    assert max(map(len, text.lines)) < 200
    assert "…" not in pithstore("diff", f"{ROR}@2", f"{ROR}@3", "--format", "patch").text
