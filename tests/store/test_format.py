"""Every released format stays readable, and an unknown one is refused by its name."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from pithstore.canonical import CANONICAL_FORM, canonical
from pithstore.errors import Damaged, FormatUnknown
from pithstore.keys import META
from pithstore.meta import FORMAT
from pithstore.pointer import Json
from pithstore.seal import seal
from pithstore.store import Store
from pithstore.store import open as open_store
from pithstore.testing.machine_store import definition
from tests.fixtures.make_format_2 import FILE, PUT, said_by
from tests.store.shelves import EngineName, new_engine, put_entry, record

FIXTURES = Path(__file__).parent.parent / "fixtures"


@pytest.fixture
def old_store(tmp_path: Path) -> Path:
    """The store of format 2 that was committed with its first release."""
    with tarfile.open(fileobj=io.BytesIO((FIXTURES / "format-2.tar.gz").read_bytes())) as tar:
        for entry in tar:
            file = tar.extractfile(entry)
            assert file is not None
            (tmp_path / entry.name).parent.mkdir(parents=True, exist_ok=True)
            with (tmp_path / entry.name).open("wb") as target:
                shutil.copyfileobj(file, target)
    return tmp_path / "format-2"


@pytest.mark.parametrize("readonly", [True, False])
def test_a_store_of_format_2_says_what_it_said(old_store: Path, readonly: bool) -> None:
    said = json.loads((FIXTURES / "format-2.json").read_text())
    with open_store(old_store, readonly=readonly) as store:
        assert store.verify().problems == ()
        assert said_by(store) == said
        texts = {
            store.get_bytes(f"{source}@{v.number}") for source in store.sources() for v in store.history(source)
        }
    assert texts == {definition(one) for batch in PUT for one, _ in batch}


def test_a_store_of_format_2_goes_on(old_store: Path) -> None:
    with open_store(old_store) as store:
        newest = store.version("k:1").number
        assert not any(
            store.put(one, observed_at=moment).stored
            for batch in PUT
            for one, moment in batch
            if moment is not None
        )
        assert store.put(record(x="new")).version.number == newest + 1
        assert store.file_progress(FILE) is not None
        assert store.verify().problems == ()


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"format": FORMAT + 1}, f"does not know format {FORMAT + 1}:"),
        ({"format": 0}, "does not know format 0:"),
        ({"format": str(FORMAT)}, f"does not know format '{FORMAT}':"),
        ({"canonical_form": "rfc-8785"}, "does not know the canonical form 'rfc-8785':"),
        ({"features": ["declared-ledger", "packs", "a"]}, "does not know the feature 'a', the feature 'packs':"),
        ({"features": ["packs", 1]}, "does not know the feature 'packs':"),
        ({"features": [1]}, "does not know features that are written so:"),
        ({"features": "packs"}, "does not know features that are written so:"),
        ({"more": True}, "does not know the entry 'more':"),
        ({"format": 3, "features": ["x"]}, "does not know format 3, the feature 'x':"),
    ],
)
def test_an_unknown_format_is_refused_by_its_name(
    engine_name: EngineName, tmp_path: Path, said: dict[str, Json], word: str
) -> None:
    known: dict[str, Json] = {"format": FORMAT, "canonical_form": CANONICAL_FORM, "features": []}
    with closing(new_engine(engine_name, tmp_path / "store")) as engine:
        put_entry(engine, META, (b"format", seal(META, b"format", canonical(known | said))))
        with pytest.raises(FormatUnknown) as error:
            Store(engine)
    assert word in str(error.value)
    assert "newer pithstore" in str(error.value)
    assert canonical(known | said).decode() in str(error.value)
    assert error.value.exit_code == 14
    if engine_name == "lmdb":
        for readonly in (True, False):
            with pytest.raises(FormatUnknown):
                open_store(tmp_path / "store", readonly=readonly)


def test_a_store_of_format_1_is_sent_to_the_pithstore_that_wrote_it(
    engine_name: EngineName, tmp_path: Path
) -> None:
    first: Json = {"format": 1, "canonical_form": CANONICAL_FORM, "features": ["declared-ledger"]}
    with closing(new_engine(engine_name, tmp_path / "store")) as engine:
        put_entry(engine, META, (b"format", seal(META, b"format", canonical(first))))
        with pytest.raises(FormatUnknown, match="export the store with the pithstore that wrote it"):
            Store(engine)


def test_a_store_that_does_not_say_its_format_is_damaged(engine_name: EngineName, tmp_path: Path) -> None:
    with closing(new_engine(engine_name, tmp_path / "store")) as engine:
        put_entry(engine, META, (b"format", b'{"format":1}'))
        with pytest.raises(Damaged):
            Store(engine)
