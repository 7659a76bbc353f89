"""A service that is scripted: it answers from memory, over the client's own transport, and remembers what was asked."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from typer.testing import CliRunner, Result

from bookjob import cli
from bookjob.async_client import AsyncClient
from bookjob.client import Client
from bookjob.commands import connection
from bookjob.models import Job

JOB_ID = "0b1f7c52-8f0e-4f0a-9d52-0f0d9e8c7b6a"

#: The host that uploads go to.
STORAGE = "storage.example"

Handler = Callable[[httpx.Request], httpx.Response]


def job(status: str = "completed", **fields: Any) -> dict[str, Any]:
    """Return a job as the contract shows it."""
    return {
        "job_id": JOB_ID,
        "status": status,
        "progress": 100.0 if status == "completed" else 0.0,
        "submitted_at": "2026-01-20T10:00:00Z",
        "started_at": "2026-01-20T10:00:02Z",
        "completed_at": "2026-01-20T10:00:44Z" if status == "completed" else None,
        "error_message": None,
        "queue_position": None,
        "book_id": "emma",
        "pack": "mini@1.0.0",
        **fields,
    }


def reading(**parts: Any) -> dict[str, Any]:
    """Return what was found in a book as the contract shows it, empty but for the given parts."""
    names = ("tokens", "entities", "quotes", "characters", "events", "supersenses")
    return {name: [] for name in names} | parts


def result(**parts: Any) -> dict[str, Any]:
    """Return a result as the contract shows it."""
    return {"job_id": JOB_ID, "status": "completed", "result": reading(**parts), "token_count": 0}


def form() -> dict[str, Any]:
    """Return a form for an upload as the contract shows it."""
    fields = {"key": f"incoming/uploads/public/{JOB_ID}", "policy": "cG9saWN5"}
    url = f"https://{STORAGE}/books"
    return {"job_id": JOB_ID, "url": url, "fields": fields, "expires_at": "2026-01-20T10:15:00Z"}


@dataclass
class ScriptedService:
    """Answers as it is told; what it was not told about is the contract's plainest success."""

    #: The job at each look, in turn; the last one stays.
    looks: list[dict[str, Any]] = field(default_factory=lambda: [job()])
    #: What `POST`, `GET /result` … answer instead of success, in turn, by method and last part of the path.
    troubles: dict[tuple[str, str], list[httpx.Response | BaseException]] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=result)
    form: dict[str, Any] = field(default_factory=form)
    #: The pages of the list, by the cursor that leads to each.
    pages: dict[str | None, dict[str, Any]] = field(default_factory=lambda: {None: {"jobs": [job()], "cursor": None}})
    files: dict[str, bytes] = field(default_factory=lambda: {"tokens": b"word\nHello\n", "book.html": b"<p>"})
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        asked = (request.method, request.url.path.rsplit("/", 1)[1])
        if self.troubles.get(asked):
            trouble = self.troubles[asked].pop(0)
            if isinstance(trouble, BaseException):
                raise trouble
            return trouble
        return self._success(request)

    def fail(self, method: str, last: str, *troubles: httpx.Response | BaseException) -> None:
        """Answer calls whose path ends so with these, in turn, before any succeeds."""
        self.troubles[method, last] = list(troubles)

    def sent(self, method: str) -> list[httpx.Request]:
        """Return the requests of a method, in order."""
        return [request for request in self.requests if request.method == method]

    def _success(self, request: httpx.Request) -> httpx.Response:
        if request.url.host.endswith(STORAGE):
            return httpx.Response(204)
        by_name = {"uploads": self.form, "analyze": self.result, "ready": READY, "stats": STATS}
        if (last := request.url.path.rsplit("/", 1)[1]) in by_name:
            return httpx.Response(200, json=by_name[last])
        match request.method, request.url.path.partition("/jobs")[2].split("/")[1:]:
            case "GET", []:
                return httpx.Response(200, json=self.pages[request.url.params.get("cursor")])
            case "POST", [] | [_, "retry"]:
                return httpx.Response(200, json=job("pending", queue_position=1))
            case "POST", [_, "cancel"]:
                return httpx.Response(202, json={"job_id": JOB_ID, "status": "running"})
            case "DELETE", [_, "result"]:
                return httpx.Response(204)
            case "DELETE", [_]:
                return httpx.Response(200, json={"job_id": JOB_ID, "status": "cancelled"})
            case "GET", [_, "result"]:
                return httpx.Response(200, json=self.result)
            case "GET", [_, "files", name]:
                found = self.files.get(name)
                return problem(404, "not made") if found is None else httpx.Response(200, content=found)
        return httpx.Response(200, json=self.looks.pop(0) if len(self.looks) > 1 else self.looks[0])


STATS = {
    "total_jobs": 9,
    "queue_size": 2,
    "max_queue_size": 10,
    "pending": 2,
    "running": 1,
    "completed": 2,
    "failed": 0,
    "cancelled": 4,
    "worker_running": True,
    "max_document_size": 5_000_000,
    "job_ttl_seconds": 3600,
    "max_concurrent_jobs": 1,
}


READY = {
    "status": "ready",
    "detail": "Everything that a job needs answers.",
    "checks": {"worker": {"ok": True, "detail": "heard of 2 seconds ago"}},
}


def problem(status: int, detail: str, **headers: str) -> httpx.Response:
    """Return an error as the contract shows it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json={"detail": detail}, headers=named)


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def service() -> ScriptedService:
    return ScriptedService()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOOKJOB_URL", raising=False)
    monkeypatch.delenv("BOOKJOB_API_KEY", raising=False)


class Awaited:
    """An AsyncClient whose calls are run to their end, so that one suite holds both clients to the same behaviour."""

    def __init__(self, client: AsyncClient, runner: asyncio.Runner) -> None:
        self._client = client
        self._runner = runner

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._client, name)
        return lambda *arguments, **more: self._runner.run(call(*arguments, **more))

    def jobs(self, **more: Any) -> list[Job]:
        async def listed() -> list[Job]:
            return [job async for job in self._client.jobs(**more)]

        return self._runner.run(listed())


Connect = Callable[..., Client]


@pytest.fixture(params=["Client", "AsyncClient"])
def connect(request: pytest.FixtureRequest, time: Time) -> Iterator[Connect]:
    """Return what connects a client of either kind to a handler; it is closed at the end."""

    async def sleep(seconds: float) -> None:
        time.sleep(seconds)

    with ExitStack() as opened:

        def open_client(handler: Handler, *arguments: Any, **more: Any) -> Client:
            transport = httpx.MockTransport(handler)
            if request.param == "Client":
                plain = Client(*arguments, transport=transport, sleep=time.sleep, clock=time, **more)
                return opened.enter_context(plain)
            runner = opened.enter_context(asyncio.Runner())
            awaited = Awaited(AsyncClient(*arguments, transport=transport, sleep=sleep, clock=time, **more), runner)
            opened.callback(awaited.close)
            return cast("Client", awaited)

        yield open_client


@pytest.fixture
def client(connect: Connect, service: ScriptedService) -> Client:
    return connect(service)


Command = Callable[..., Result]


@pytest.fixture
def bookjob(service: ScriptedService, time: Time, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Run a command in an empty folder, against the scripted service."""
    monkeypatch.chdir(tmp_path)
    Path("emma.txt").write_text("Emma Woodhouse, handsome, clever, and rich.")

    @contextmanager
    def scripted(url: str | None, api_key: str | None) -> Iterator[Client]:
        with Client(url, api_key, transport=httpx.MockTransport(service), sleep=time.sleep, clock=time) as client:
            yield client

    monkeypatch.setattr(connection, "service", scripted)
    return lambda *arguments, **more: CliRunner().invoke(cli.app, list(arguments), **more)


def body_of(request: httpx.Request) -> Any:
    """Return the JSON that a request carries."""
    return json.loads(request.content)
