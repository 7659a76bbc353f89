"""Which packs a machine has, and which of them could be used."""

import json
import shutil
from pathlib import Path

import pytest

from gpu_worker.packs.places import MINI, find
from gpu_worker.packs.store import PackStore


@pytest.fixture
def store(tmp_path: Path) -> PackStore:
    return PackStore(tmp_path)


def add(store: PackStore, folder: str, **changes: str) -> Path:
    """Put a copy of the bundled pack into the store, its manifest changed."""
    place = Path(shutil.copytree(MINI, store.folder / folder))
    manifest = json.loads((place / "manifest.json").read_text())
    (place / "manifest.json").write_text(json.dumps(manifest | {"name": folder, **changes}))
    return place


def test_the_bundled_pack_is_always_there(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        (mini,) = PackStore(folder).installed()
        assert (mini.name, mini.bundled, mini.fault) == ("mini", True, None)
        assert (
            mini.bytes == sum(file.stat().st_size for file in MINI.iterdir()) - (MINI / "manifest.json").stat().st_size
        )
        assert find("mini", folder) == MINI


def test_a_pack_in_the_folder_is_found_and_comes_before_a_bundled_one(store: PackStore) -> None:
    mine, mini = add(store, "mine"), add(store, "mini")
    assert (find("mine", store.folder), find("mini", store.folder)) == (mine, mini)
    assert [(pack.name, pack.bundled) for pack in store.installed()] == [("mine", False), ("mini", False)]


@pytest.mark.parametrize("name", ["", ".", "..", "../mini", "mini/..", "__pycache__/x", "absent"])
def test_a_name_leads_to_no_other_folder(store: PackStore, name: str) -> None:
    assert find(name, store.folder) is None


def test_a_pack_that_could_not_be_used_is_listed_with_the_reason(store: PackStore) -> None:
    add(store, "renamed", name="small")
    (add(store, "short") / "vocab.txt").write_text("[PAD]\n")
    (store.folder / "empty").mkdir()
    (store.folder / ".small.download").mkdir()
    faults = {pack.name: pack.fault for pack in store.installed()}
    assert faults.keys() == {"empty", "mini", "renamed", "short"}
    assert "its manifest.json cannot be read" in str(faults["empty"])
    assert "holds a pack of another name, 'small'" in str(faults["renamed"])
    assert "vocab.txt has 6 bytes" in str(faults["short"])
    assert store.usable() == {"mini"}
