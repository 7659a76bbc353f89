"""How the client and the command line show an API key, and to whom they do not."""

import httpx
import pytest
import typer

from bookjob import cli
from bookjob.client import Client
from bookjob.commands.terminal import command_line
from bookjob.errors import NotAllowed
from bookjob.exit_codes import ExitCode

from .conftest import Command, ScriptedService, problem

KEY = "bookjob_0123456789ab_" + "c" * 64


def shown(service: ScriptedService) -> str | None:
    key: str | None = service.requests[-1].headers.get("X-API-Key")
    return key


def test_a_command_shows_the_key_of_the_environment(
    bookjob: Command, service: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOOKJOB_API_KEY", KEY)
    assert bookjob("stats").exit_code == ExitCode.OK
    assert shown(service) == KEY


def test_a_key_on_the_command_line_goes_before_that_of_the_environment(
    bookjob: Command, service: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOOKJOB_API_KEY", "another")
    assert bookjob("stats", "--api-key", KEY).exit_code == ExitCode.OK
    assert shown(service) == KEY


def test_without_a_key_none_is_shown(bookjob: Command, service: ScriptedService) -> None:
    bookjob("stats")
    assert shown(service) is None


@pytest.mark.parametrize("detail", ["Missing API key", "Invalid API key"])
def test_whoever_is_not_let_in_is_told_what_to_do(bookjob: Command, service: ScriptedService, detail: str) -> None:
    service.fail("GET", "stats", problem(401, detail))
    refused = bookjob("stats", "--api-key", KEY)
    assert refused.exit_code == ExitCode.REFUSED
    assert f"{detail}. Set BOOKJOB_API_KEY" in refused.stderr
    assert "bookjob keys create" in refused.stderr
    assert KEY not in refused.output


def test_a_program_that_is_not_let_in_has_the_services_own_words(service: ScriptedService) -> None:
    service.fail("GET", "stats", problem(401, "Invalid API key"))
    with (
        Client(api_key=KEY, transport=httpx.MockTransport(service)) as client,
        pytest.raises(NotAllowed, match="BOOKJOB_API_KEY") as refused,
    ):
        client.stats()
    assert (refused.value.status_code, refused.value.detail) == (401, "Invalid API key")
    assert KEY not in repr(refused.value)
    assert KEY not in repr(vars(refused.value))
    assert len(service.requests) == 1


def test_a_key_may_come_with_the_line_end_of_its_file(service: ScriptedService) -> None:
    with Client(api_key=f"{KEY}\n", transport=httpx.MockTransport(service)) as client:
        client.stats()
    assert shown(service) == KEY


@pytest.mark.parametrize("key", [f"{KEY}\nX-Other: 1", f"“{KEY}”", f"{KEY}\0"])
def test_what_cannot_be_a_key_is_refused_and_not_told(bookjob: Command, service: ScriptedService, key: str) -> None:
    refused = bookjob("stats", "--api-key", key)
    assert refused.exit_code == ExitCode.USAGE
    assert "BOOKJOB_API_KEY" in refused.stderr
    assert KEY not in refused.output
    assert service.requests == []


def test_a_refusal_by_the_storage_is_not_taken_for_a_missing_key() -> None:
    assert str(NotAllowed(403, "The service's storage refused the upload: Request has expired")).endswith("expired")


@pytest.mark.parametrize("typed", [("--api-key", KEY), (f"--api-key={KEY}",)])
def test_a_key_is_not_said_back(typed: tuple[str, ...]) -> None:
    context = typer.Context(typer.main.get_command(cli.app), info_name="bookjob", obj=("run", *typed, "a.txt"))
    assert command_line(context, "--json") == "bookjob run a.txt --json"
