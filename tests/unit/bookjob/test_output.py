"""Where results land on disk."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookjob.errors import OutputNotWritable
from bookjob.output import OutputFolder, atomically, file_stem


@given(st.text(max_size=400))
def test_no_book_id_leads_out_of_the_folder_or_to_a_hidden_file(book_id: str) -> None:
    stem = file_stem(book_id)

    assert stem
    assert Path("folder", f"{stem}.tokens").parent == Path("folder")
    assert not stem.startswith(".")
    assert "\0" not in stem
    assert len(f"{stem}.supersense".encode()) <= 255


@pytest.mark.parametrize(
    ("book_id", "stem"),
    [
        ("emma", "emma"),
        ("Émile ou De l'éducation", "Émile_ou_De_l_éducation"),
        ("Les Mise\N{COMBINING ACUTE ACCENT}rables", "Les_Misérables"),
        ("../../etc/passwd", "etc_passwd"),
        ("..", "book"),
        ("", "book"),
        ("C:\\books\\emma", "C_books_emma"),
        ("pg158.v2", "pg158.v2"),
    ],
)
def test_a_file_is_named_as_close_to_the_book_as_is_safe(book_id: str, stem: str) -> None:
    assert file_stem(book_id) == stem


def test_a_file_that_could_not_be_finished_is_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text("earlier")

    def write_half() -> None:
        with atomically(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()

    assert path.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_a_finished_file_is_as_readable_as_any_other(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    with atomically(tmp_path / "result.json") as file:
        file.write(b"{}")

    assert (tmp_path / "result.json").stat().st_mode == plain.stat().st_mode


def test_a_file_is_written_without_a_touch_on_what_other_threads_files_are_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "umask", lambda _: pytest.fail("the mask is the whole process's"))
    with atomically(tmp_path / "result.json") as file:
        file.write(b"{}")


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()

    with pytest.raises(OutputNotWritable, match="taken cannot be made a folder"):
        OutputFolder.prepare(tmp_path / "taken", "emma")


def test_a_disk_that_takes_no_more_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(OutputNotWritable, match=r"cannot be written: No space left"), atomically(tmp_path / "r"):
        raise OSError(28, "No space left on device")

    assert list(tmp_path.iterdir()) == []
