"""List keys are part of the profile that a store was created with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pithstore.canonical import canonical
from pithstore.configuration import Configuration
from pithstore.diff.list_keys import ListKey
from pithstore.errors import Damaged, UsageError
from pithstore.pointer import Json
from pithstore.profile import PITH, Profile
from pithstore.store import open as open_store
from pithstore.wire import from_json, to_json


def test_list_keys_stay_with_a_store(tmp_path: Path) -> None:
    profile = Profile(list_keys=(ListKey("/a~1b/c", "id"), ListKey("/l", "")))
    open_store(tmp_path / "store", create=True, profile=profile).close()
    with open_store(tmp_path / "store") as store:
        assert store.configuration.profile == profile
    with pytest.raises(UsageError):
        open_store(tmp_path / "store", profile=PITH)


def written() -> dict[str, dict[str, Json]]:
    """The JSON of the first configuration."""
    text: dict[str, dict[str, Json]] = json.loads(canonical(to_json(Configuration())))
    return text


def test_a_configuration_without_list_keys_has_those_of_the_profile_pith() -> None:
    configuration = written()
    assert configuration["profile"].pop("list_keys") == [
        {"field": "", "path": "/integrity/findings"},
        {"field": "doi", "path": "/references/sample"},
    ]
    assert from_json(json.loads(canonical({**configuration})), Configuration) == Configuration()


@pytest.mark.parametrize("keys", [None, "ab", [["/a", "b"]], [{"path": "/a"}], [{"path": "a", "field": "b"}]])
def test_list_keys_that_cannot_be_are_damage(keys: Json) -> None:
    configuration = written()
    configuration["profile"]["list_keys"] = keys
    with pytest.raises(Damaged):
        from_json(json.loads(canonical({**configuration})), Configuration)
