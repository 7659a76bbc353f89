"""The folder of a local stack: who can look into it."""

from pathlib import Path

import pytest

from infra.local.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def closed(folder: Path) -> bool:
    """Tell whether nobody but the owner may do anything with the folder."""
    return folder.stat().st_mode & 0o077 == 0


def test_nobody_but_its_owner_can_look_into_it(home: Home) -> None:
    home.prepare()
    assert closed(home.path)


def test_what_it_holds_of_jobs_is_closed_even_where_an_earlier_version_left_it_open(home: Home) -> None:
    scratch, logs = home.path / "scratch", home.log("up").parent
    for folder in (home.state, scratch, logs):
        folder.mkdir(parents=True)
        folder.chmod(0o755)
    home.prepare()
    home.clear_scratch()
    assert all(map(closed, (home.state, scratch, logs)))


def test_a_folder_that_stood_before_is_as_open_as_it_was(home: Home) -> None:
    home.path.mkdir()
    home.path.chmod(0o755)
    home.prepare()
    assert home.path.stat().st_mode & 0o777 == 0o755


def test_the_state_that_follows_a_damaged_one_is_closed_too(home: Home) -> None:
    home.prepare()
    aside = home.set_state_aside()
    assert closed(aside)
    assert closed(home.state)
