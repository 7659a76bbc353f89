"""`bookjob packs`: what it prints where, and the exit code that a script sees."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bookjob import cli
from bookjob.exit_codes import ExitCode
from gpu_worker.packs.places import MINI
from gpu_worker.packs.published import PUBLISHED
from tests.disks import disk_with_room_for
from tests.standins import TINY, lay_out

Command = Callable[..., Result]


@pytest.fixture
def packs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Run a command of packs with a home of its own and no service of upstream's to reach."""
    monkeypatch.setenv("BOOKJOB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BOOKJOB_PACKS_URL", "http://127.0.0.1:1/models")
    monkeypatch.setattr("gpu_worker.packs.download._PAUSE", 0)
    return lambda *arguments: CliRunner().invoke(cli.app, ["packs", *map(str, arguments)])


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A copy of the bundled pack under the name `mine`, one bit of its weights turned."""
    place = Path(shutil.copytree(MINI, tmp_path / "home" / "packs" / "mine"))
    text = (place / "manifest.json").read_text()
    (place / "manifest.json").write_text(text.replace('"name": "mini"', '"name": "mine"', 1))
    content = bytearray((place / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (place / "model.safetensors").write_bytes(content)
    return place


def test_list_shows_each_pack_with_its_scores_and_what_is_not_here(packs: Command) -> None:
    listed = packs("list")
    manifest = json.loads((MINI / "manifest.json").read_text())
    (line,) = [line for line in listed.stdout.splitlines() if line.startswith("mini ")]
    assert f"{manifest['scores']['entities']['f1']:.1f}" in line
    assert " MB " in line
    assert manifest["licence"][:20] in listed.stdout
    assert "big is not here; fetch it with: bookjob packs pull big" in listed.stderr
    data = [json.loads(line) for line in packs("list", "--json").stdout.splitlines()]
    assert [(pack["name"], pack["installed"]) for pack in data] == [("mini", True), ("small", False), ("big", False)]
    assert data[0]["scores"] == manifest["scores"]


def test_show_tells_sources_and_licences(packs: Command) -> None:
    shown = packs("show", "mini")
    assert shown.exit_code == ExitCode.OK
    for word in ("LitBank", "CC-BY", "SemCor", "Apache-2.0"):
        assert word in shown.stdout
    assert json.loads(packs("show", "mini", "--json").stdout)["manifest"]["name"] == "mini"


@pytest.mark.parametrize("command", ["show", "verify", "export"])
def test_an_unknown_pack_is_a_usage_error_that_names_the_known(packs: Command, command: str) -> None:
    more = ["--upstream", "out"] if command == "export" else []
    refused = packs(command, "small", *more)
    assert refused.exit_code == ExitCode.USAGE
    assert "there is: mini. Fetch it with: bookjob packs pull small" in refused.stderr.replace("\n", " ")


def test_verify_tells_a_sound_pack_from_a_damaged_one(packs: Command, damaged: Path) -> None:
    verified = packs("verify")
    assert verified.exit_code == ExitCode.JOB_FAILED
    assert verified.stdout.startswith("ok mini: ")
    assert "The pack mine is refused: the pack in" in verified.stderr
    assert "model.safetensors has SHA-256" in verified.stderr
    assert packs("verify", "mini").exit_code == ExitCode.OK


def test_export_writes_upstreams_three_files(packs: Command, damaged: Path, tmp_path: Path) -> None:
    written = packs("export", "mini", "--upstream", tmp_path / "out")
    files = written.stdout.split()
    assert sorted(Path(file).name.partition("_")[0] for file in files) == ["coref", "entities", "speaker"]
    assert all(Path(file).suffix == ".model" and Path(file).exists() for file in files)
    refused = packs("export", "mine", "--upstream", tmp_path / "none")
    assert (refused.exit_code, (tmp_path / "none").exists()) == (ExitCode.JOB_FAILED, False)


def test_an_export_to_where_nothing_can_be_written_is_told(packs: Command, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    refused = packs("export", "mini", "--upstream", tmp_path / "taken")
    assert refused.exit_code == ExitCode.USAGE
    assert "taken cannot be written to" in refused.stderr
    with disk_with_room_for(100_000):
        refused = packs("export", "mini", "--upstream", tmp_path / "full")
    assert refused.exit_code == ExitCode.USAGE
    assert "Make room there, or name another with --upstream." in refused.stderr


def test_an_export_that_fills_the_disk_with_a_base_encoder_is_told(
    packs: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("torch.save", lambda _, path: path.touch())
    with disk_with_room_for(1_000_000):
        refused = packs("export", "mini", "--upstream", tmp_path / "full")
    assert refused.exit_code == ExitCode.USAGE
    assert "Make room there, or name another with --upstream." in refused.stderr


def test_a_pull_that_fills_the_disk_is_told_and_leaves_no_pack(
    packs: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(PUBLISHED, "small", TINY)
    models = lay_out(TINY, tmp_path / "models")
    with disk_with_room_for(100_000):
        refused = packs("pull", "small", "--from", models)
    assert refused.exit_code == ExitCode.USAGE
    assert "packs cannot be written to" in refused.stderr
    assert list((tmp_path / "home" / "packs").iterdir()) == []


def test_a_home_that_is_a_file_has_the_bundled_pack_and_takes_no_other(packs: Command, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    assert packs("list").stdout.count("mini ") >= 1
    refused = packs("pull", "small")
    assert refused.exit_code == ExitCode.USAGE
    assert "Set BOOKJOB_HOME to one that can." in refused.stderr


def test_pull_says_what_to_do_where_the_files_cannot_be_reached(packs: Command) -> None:
    refused = packs("pull", "small")
    assert refused.exit_code == ExitCode.UNREACHABLE
    assert "bookjob packs pull small --from FOLDER" in refused.stderr
    for name in PUBLISHED["small"].files.values():
        assert f"http://127.0.0.1:1/models/{name}" in refused.stderr


def test_pull_makes_a_pack_of_a_folders_files_and_leaves_a_sound_one_alone(
    packs: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(PUBLISHED, "small", TINY)
    pulled = packs("pull", "small", "--from", lay_out(TINY, tmp_path / "models"))
    assert pulled.exit_code == ExitCode.OK
    assert "Upstream publishes no checksums" in pulled.stderr
    again = packs("pull", "small")
    assert (again.exit_code, "It was here already, and whole." in again.stderr) == (ExitCode.OK, True)
    assert packs("verify", "small").stdout.startswith("ok small: ")

    (tmp_path / "home" / "packs" / "small" / "vocab.txt").unlink()
    assert packs("pull", "small").exit_code == ExitCode.UNREACHABLE


def test_pull_knows_upstreams_packs_alone(packs: Command) -> None:
    refused = packs("pull", "huge")
    assert refused.exit_code == ExitCode.USAGE
    assert "'huge' is none of the published packs, which are: small, big." in refused.stderr


def test_packs_need_no_library_of_models_to_be_listed() -> None:
    code = (
        "import sys\nfrom bookjob.cli import app\n"
        "try:\n    app(['packs', 'list'])\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('torch', 'spacy', 'ministack') if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.splitlines()[-1] == "[]"


def test_without_the_models_libraries_a_command_says_what_to_install(
    packs: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith(("gpu_worker", "infra"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    refused = packs("verify", "mini")
    assert refused.exit_code == ExitCode.UNREACHABLE
    assert "torch is not installed, which this command needs beside the client. Run `make setup`" in refused.stderr
