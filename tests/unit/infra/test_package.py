"""What the functions' code consists of when it is uploaded."""

import io
import zipfile
from pathlib import Path

from infra.local.package import digest, package


def names(archive: bytes) -> set[str]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return set(opened.namelist())


def test_the_archive_holds_the_handler_and_the_job_core_and_nothing_of_the_worker() -> None:
    found = names(package())
    assert {"functions/api/handler.py", "jobs/store.py"} <= found
    assert {name.partition("/")[0] for name in found} == {"functions", "jobs"}
    assert not [name for name in found if "__pycache__" in name]


def test_equal_code_is_an_equal_archive_and_changed_code_another(tmp_path: Path) -> None:
    for folder in ("functions", "jobs"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "code.py").write_text("ONE = 1\n")
    before = package(tmp_path)
    (tmp_path / "jobs" / "code.py").touch()
    assert package(tmp_path) == before
    (tmp_path / "jobs" / "code.py").write_text("ONE = 2\n")
    assert package(tmp_path) != before


def test_a_digest_tells_where_one_part_ends_and_the_next_begins() -> None:
    assert digest(b"ab", b"c") != digest(b"a", b"bc")
