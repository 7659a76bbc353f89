"""`bookjob webhooks secret`, against a scripted service."""

import json

import httpx
import pytest

from .conftest import Command, ScriptedService, problem

SECRET = {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "previous_until": None}
ROTATED = SECRET | {"previous_until": "2026-01-21T10:00:00Z"}


@pytest.fixture(autouse=True)
def _secrets(service: ScriptedService) -> None:
    service.fail("GET", "secret", httpx.Response(200, json=SECRET))
    service.fail("POST", "rotate", httpx.Response(200, json=ROTATED))


def test_the_secret_is_printed_alone(bookjob: Command, service: ScriptedService) -> None:
    printed = bookjob("webhooks", "secret")

    assert (printed.stdout, printed.stderr) == (f"{SECRET['secret']}\n", "")
    assert service.requests[0].url.path == "/v1/webhooks/secret"


def test_a_rotation_prints_the_new_one_and_says_how_long_the_old_one_holds(
    bookjob: Command, service: ScriptedService
) -> None:
    printed = bookjob("webhooks", "secret", "--rotate")

    assert printed.stdout == f"{ROTATED['secret']}\n"
    assert "signed with as well until 2026-01-2" in printed.stderr
    assert service.requests[0].url.path == "/v1/webhooks/secret/rotate"


def test_for_machines_it_is_the_services_own_answer(bookjob: Command) -> None:
    assert json.loads(bookjob("webhooks", "secret", "--rotate", "--json").stdout) == ROTATED


def test_a_rotation_is_asked_for_once_even_if_no_answer_comes(bookjob: Command, service: ScriptedService) -> None:
    service.fail("POST", "rotate", httpx.ReadError("gone"), httpx.Response(200, json=ROTATED))

    assert bookjob("webhooks", "secret", "--rotate").exit_code == 3
    assert len(service.requests) == 1


def test_a_rotation_too_soon_is_refused_in_the_services_words(bookjob: Command, service: ScriptedService) -> None:
    service.fail("POST", "rotate", problem(409, "The secret was rotated less than a day ago."))

    refused = bookjob("webhooks", "secret", "--rotate")
    assert refused.exit_code == 5
    assert "rotated less than a day ago" in refused.stderr
