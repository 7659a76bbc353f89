"""Whoever calls the emulator reaches it and nothing else, whatever the user's own settings of AWS are."""

from pathlib import Path

import boto3
import pytest

from infra.local import emulator
from infra.local.clients import client

PORT = 4566


@pytest.fixture(params=["[default]\nignore_configured_endpoint_urls = true\n", "[default\nis not closed"])
def users_settings(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home with a file of settings that lead past the emulator, or that nobody can read."""
    for variable in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / ".aws").mkdir()
    for name in ("config", "credentials"):
        (tmp_path / ".aws" / name).write_text(request.param)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.usefixtures("users_settings")
def test_our_own_client_reads_none_of_them() -> None:
    assert client("s3", PORT).meta.endpoint_url == emulator.url(PORT)


@pytest.mark.usefixtures("users_settings")
def test_a_process_that_is_to_call_the_emulator_reads_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in emulator.client_environment(PORT).items():
        monkeypatch.setenv(name, value)
    assert boto3.session.Session().client("s3").meta.endpoint_url == emulator.url(PORT)
