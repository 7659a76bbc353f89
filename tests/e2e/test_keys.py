"""A service on this machine that asks its callers for API keys, and the operator who makes them."""

import json
import subprocess
from dataclasses import replace

import httpx
import pytest

from infra.local import emulator
from tests.deadlines import until
from tests.e2e.conftest import Installation

pytestmark = pytest.mark.timeout(300)  # a whole start and stop, on a machine that may be busy


def stats(keyed: Installation, key: str | None) -> httpx.Response:
    return httpx.get(f"{keyed.url}/v1/jobs/stats", headers={"X-API-Key": key} if key else {}, timeout=60)


def with_key(keyed: Installation, key: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    class Keyed(Installation):
        @property
        def environment(self) -> dict[str, str]:
            return super().environment | {"BOOKJOB_API_KEY": key}

    return Keyed(keyed.home, keyed.port).bookjob(*arguments)


def test_the_service_is_well_and_lets_nobody_in_without_a_key(keyed: Installation) -> None:
    assert keyed.bookjob("health").returncode == 0
    assert stats(keyed, None).json() == {"detail": "Missing API key"}
    refused = keyed.bookjob("stats")
    assert refused.returncode == 5
    assert "BOOKJOB_API_KEY" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_key_is_made_listed_used_and_revoked(keyed: Installation) -> None:
    key = keyed.made_key("--tenant", "acme", "--name", "nightly")
    told = with_key(keyed, key, "stats", "--json")
    assert told.returncode == 0, told.stderr
    assert key not in told.stdout + told.stderr

    listed = [json.loads(line) for line in keyed.bookjob("keys", "list", "--json").stdout.splitlines()]
    (one,) = [found for found in listed if found["name"] == "nightly"]
    assert (one["tenant"], one["revoked_at"]) == ("acme", None)
    assert one["last_used_at"] is not None
    assert key not in json.dumps(listed)
    assert one["key_id"] in keyed.bookjob("keys", "list").stdout

    assert keyed.bookjob("keys", "revoke", one["key_id"]).returncode == 0
    assert until(lambda: stats(keyed, key).status_code == 401, seconds=60, every=0.5)


def test_the_keys_of_a_stack_are_reached_by_its_name(keyed: Installation) -> None:
    running = keyed.home.running()
    assert running is not None
    in_aws = emulator.client_environment(running.emulator_port or 0)

    class Operator(Installation):
        @property
        def environment(self) -> dict[str, str]:
            return super().environment | in_aws

    operator = replace(Operator(keyed.home, keyed.port))
    made = operator.bookjob("keys", "create", "--stack", "bookjob", "--json")
    assert made.returncode == 0, made.stderr
    assert stats(keyed, json.loads(made.stdout)["key"]).status_code == 200
    missing = operator.bookjob("keys", "list", "--stack", "another")
    assert missing.returncode == 3
    assert "another" in missing.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("create", "--tenant", "A/B"), 2),
        (("create", "--name", ""), 2),
        (("revoke", "000000000000"), 4),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(keyed: Installation, arguments: tuple[str, ...], code: int) -> None:
    refused = keyed.bookjob("keys", *arguments)
    assert refused.returncode == code, refused.stderr
    assert refused.stderr.startswith("Error: ")
    assert "Traceback" not in refused.stderr


def test_without_a_service_the_operator_is_told_what_to_do(installation: Installation) -> None:
    refused = installation.bookjob("keys", "list")
    assert refused.returncode == 3
    assert "bookjob up --keys" in refused.stderr
    assert "--stack" in refused.stderr
