"""Which folder `--pack` names."""

from pathlib import Path

import pytest

from benchmarks import packs
from benchmarks.engine import pack_folder
from gpu_worker.packs.places import MINI


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BOOKJOB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_name_is_that_of_a_pack_which_was_pulled_or_comes_with_the_code(home: Path) -> None:
    (home / "packs" / "mine").mkdir(parents=True)
    assert packs.find("mine") == home / "packs" / "mine"
    assert packs.find("mini") == MINI


def test_what_no_pack_is_called_is_a_folder(home: Path, tmp_path: Path) -> None:
    assert packs.find(str(tmp_path / "mine")) == tmp_path / "mine"


def test_a_pack_that_was_pulled_can_be_timed_too(home: Path, tmp_path: Path) -> None:
    (home / "packs" / "mine").mkdir(parents=True)
    assert pack_folder("mine", tmp_path) == home / "packs" / "mine"
