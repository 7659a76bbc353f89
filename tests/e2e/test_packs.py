"""A pack that was pulled is the one that reads: from upstream's three files to a finished job."""

import json
from pathlib import Path

import pytest

from gpu_worker.packs.published import PUBLISHED
from tests.e2e.conftest import Installation
from tests.standins import lay_out

pytestmark = pytest.mark.timeout(300)


def test_a_pulled_pack_serves_in_place_of_the_substitute(installation: Installation, tmp_path: Path) -> None:
    files = lay_out(PUBLISHED["small"], tmp_path / "upstream")
    pulled = installation.bookjob("packs", "pull", "small", "--from", str(files))
    assert pulled.returncode == 0, pulled.stderr
    assert "small is in " in pulled.stderr

    installation.up()
    job = installation.finish(installation.submit(model="small"))
    assert (job["status"], job["pack"], job["warnings"]) == ("completed", "small@1.0.1", [])
    substituted = installation.finish(installation.submit(model="big"))
    assert (substituted["status"], substituted["pack"][:5]) == ("completed", "mini@")
    assert "'big' is not installed here" in substituted["warnings"][0]


def test_a_pack_that_was_damaged_is_left_out_with_the_reason(installation: Installation) -> None:
    damaged = installation.home.packs / "small"
    damaged.mkdir(parents=True)
    (damaged / "manifest.json").write_text("{}")

    running = installation.bookjob("up", "--detach", "--no-worker", "--port", str(installation.port))
    assert running.returncode == 0, running.stderr
    assert "the bundled pack mini is used" in running.stderr
    verified = installation.bookjob("packs", "verify")
    assert verified.returncode == 1
    assert "ok mini" in verified.stdout
    assert "The pack small is refused" in verified.stderr
    listed = [json.loads(line) for line in installation.bookjob("packs", "list", "--json").stdout.splitlines()]
    assert [(pack["name"], pack["installed"]) for pack in listed] == [("mini", True), ("small", True), ("big", False)]
    assert "does not describe a pack" in listed[1]["fault"]
