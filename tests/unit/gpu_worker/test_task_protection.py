"""How a worker that is an ECS task protects itself, against an agent that answers as ECS's does."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from gpu_worker.task_protection import LONGEST, TaskProtection
from tests.serving import in_background

PROTECTED = {"protection": {"ProtectionEnabled": True, "TaskArn": "arn:aws:ecs:us-west-2:111:task/c/t"}}
REFUSED = {"failure": {"Arn": "arn:aws:ecs:us-west-2:111:task/c/t", "Reason": "TASK_NOT_VALID"}}
ON, OFF = {"ProtectionEnabled": True, "ExpiresInMinutes": LONGEST}, {"ProtectionEnabled": False}


@dataclass
class Agent:
    """What the agent was told, and what it answers."""

    url: str
    status: int = 200
    answer: bytes = json.dumps(PROTECTED).encode()
    #: How many bytes of the answer it promises and does not send.
    withheld: int = 0
    told: list[Any] = field(default_factory=list)


@contextmanager
def serving() -> Iterator[Agent]:
    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            assert (self.path, self.headers["Content-Type"]) == ("/task-protection/v1/state", "application/json")
            playing.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(playing.status)
            self.send_header("Content-Length", str(len(playing.answer) + playing.withheld))
            self.end_headers()
            self.wfile.write(playing.answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in the class above
            """Write nothing on stderr."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    playing = Agent(f"http://127.0.0.1:{server.server_port}")
    with in_background(server):
        yield playing


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # to which nothing may be sent
    with serving() as agent:
        yield agent


def test_the_task_is_protected_from_entry_to_exit(agent: Agent) -> None:
    with TaskProtection(agent.url).held():
        assert agent.told == [ON]
    assert agent.told == [ON, OFF]


def test_the_protection_ends_with_an_error_too(agent: Agent) -> None:
    with pytest.raises(ZeroDivisionError), TaskProtection(agent.url).held():
        raise ZeroDivisionError
    assert agent.told == [ON, OFF]


@pytest.mark.parametrize(
    ("status", "answer", "logged"),
    [
        (200, json.dumps(REFUSED).encode(), "TASK_NOT_VALID"),
        (500, b'{"error": {"Code": "ServerException"}}', "HTTP Error 500"),
        (200, b"nonsense", "JSONDecodeError"),
    ],
)
def test_a_protection_that_is_refused_is_logged_and_keeps_no_job_from_running(
    agent: Agent, caplog: pytest.LogCaptureFixture, status: int, answer: bytes, logged: str
) -> None:
    agent.status, agent.answer = status, answer
    ran = False
    with TaskProtection(agent.url).held():
        ran = True
    assert ran
    assert logged in f"{caplog.text} {vars(caplog.records[0])}"


def test_an_agent_that_breaks_off_its_answer_keeps_no_job_from_running(
    agent: Agent, caplog: pytest.LogCaptureFixture
) -> None:
    agent.withheld = 1
    with TaskProtection(agent.url).held():
        pass
    assert "did not change the task's protection" in caplog.text


def test_an_agent_that_is_not_there_keeps_no_job_from_running(caplog: pytest.LogCaptureFixture) -> None:
    with TaskProtection("http://127.0.0.1:9").held():
        pass
    assert "did not change the task's protection" in caplog.text


def test_outside_of_ecs_nobody_is_asked() -> None:
    with TaskProtection().held():
        pass
