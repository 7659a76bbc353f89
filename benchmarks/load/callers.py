"""What callers do: each one draws a call, makes it, looks at the answer, and draws the next without a pause."""

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, TypeAlias

import httpx

from benchmarks.load.record import AcceptedJob, Record

#: BookNLP's files that every reading with all tasks makes.
FILES = ("tokens", "entities", "supersense", "quotes", "book", "book.html")

#: Requests that are wrong, and how each must be refused.
WRONG: Sequence[tuple[str, str, dict[str, Any], int]] = (
    ("POST", "/v1/jobs", {"content": b"{"}, 400),
    ("POST", "/v1/jobs", {"json": {"text": " "}}, 400),
    ("POST", "/v1/jobs", {"json": {"text": "A text.", "model": "huge"}}, 400),
    ("POST", "/v1/jobs", {"json": {"text": "A text."}, "headers": {"Idempotency-Key": "x" * 256}}, 400),
    ("POST", "/v1/jobs", {"content": b"A text.", "headers": {"Content-Type": "text/plain"}}, 415),
    ("POST", "/v1/analyze", {"json": {"text": "x" * 10_001}}, 400),
    ("POST", "/v1/uploads", {"json": {"pipeline": ["coref"]}}, 400),
    ("GET", "/v1/jobs?limit=0", {}, 400),
    ("GET", "/v1/jobs?cursor=AAAA", {}, 400),
    ("GET", f"/v1/jobs/{uuid.UUID(int=0)}", {}, 404),
    ("GET", "/v1/jobs/../../etc/passwd", {}, 404),
    ("PUT", "/v1/jobs", {}, 405),
)


class NoAnswer(Exception):
    """The connection failed or the answer did not come in time."""


@dataclass(frozen=True)
class Caller:
    """One of the callers; all share the client's connections and the record."""

    name: str
    client: httpx.AsyncClient
    record: Record
    texts: Sequence[str]
    random: Random
    #: How often it makes each call, beside the others.
    mix: "Mix"

    async def call_until(self, deadline: float) -> None:
        """Make calls until that moment of the monotonic clock."""
        calls, weights = list(self.mix), list(self.mix.values())
        while time.monotonic() < deadline:
            (call,) = self.random.choices(calls, weights)
            try:
                await call(self)
            except NoAnswer:
                await asyncio.sleep(1)

    async def submit(self) -> None:
        """Submit a text; one in three twice at once under one key, which must make one job."""
        request = self._request()
        if self.random.random() < 2 / 3:
            await self._submit("submit", request, {})
            return
        key = {"Idempotency-Key": request["book_id"]}
        ids = await asyncio.gather(*(self._submit("submit with a key", request, key) for _ in range(2)))
        if len({job_id for job_id in ids if job_id}) > 1:
            self.record.fault("submit with a key: one key, two jobs")
        if any(ids):
            self.record.refused.discard(request["book_id"])

    async def _submit(self, call: str, request: dict[str, str], headers: dict[str, str]) -> str | None:
        answer = await self._ask(call, "POST", "/v1/jobs", 200, 503, json=request, headers=headers)
        if answer.status_code != 200:
            self.record.refused.add(request["book_id"])
            return None
        job_id: str = answer.json()["job_id"]
        self.record.accepted(job_id, request["book_id"])
        return job_id

    async def analyze(self) -> None:
        """Have a text read while waiting for it, or for a few seconds of it."""
        request = self._request()
        headers = {"Prefer": "wait=5"} if self.random.random() < 0.5 else {}
        answer = await self._ask("analyze", "POST", "/v1/analyze", 200, 202, 503, json=request, headers=headers)
        if answer.status_code in (200, 202):
            self.record.accepted(answer.json()["job_id"], request["book_id"])
        else:
            self.record.refused.add(request["book_id"])

    async def upload(self) -> None:
        """Get a form and send a text by it."""
        request = self._request()
        text = request.pop("text")
        answer = await self._ask("upload: form", "POST", "/v1/uploads", 200, 503, json=request)
        if answer.status_code != 200:
            return
        form = answer.json()
        file = {"file": ("book.txt", text.encode(), "text/plain")}
        sent = await self._ask("upload: send", "POST", form["url"], 204, data=form["fields"], files=file)
        if sent.status_code == 204:
            self.record.accepted(form["job_id"], request["book_id"], is_there=False)

    async def look(self) -> None:
        """Ask how a job stands."""
        await self._look("status", {})

    async def wait(self) -> None:
        """Ask how a job stands once that has changed."""
        await self._look("status, held", {"Prefer": f"wait={self.random.randint(1, 5)}"})

    async def _look(self, call: str, headers: dict[str, str]) -> None:
        if job := self._any_job():
            answer = await self._about(job, call, "GET", "", 200, headers=headers)
            if answer.status_code == 200 and answer.json()["book_id"] != job.book_id:
                self.record.fault(f"{call}: the answer is about another job")

    async def list_jobs(self) -> None:
        """Walk some pages of a list, on which no job may come twice."""
        query: dict[str, str | int] = {"limit": self.random.randint(1, 20)}
        if self.random.random() < 0.5:
            query["status"] = self.random.choice(("pending", "running", "completed", "cancelled"))
        seen: list[str] = []
        for _ in range(4):
            answer = await self._ask("list", "GET", "/v1/jobs", 200, params=query)
            page = answer.json() if answer.status_code == 200 else {"jobs": [], "cursor": None}
            seen += [job["job_id"] for job in page["jobs"]]
            if (cursor := page["cursor"]) is None:
                break
            query["cursor"] = cursor
        if len(seen) != len(set(seen)):
            self.record.fault("list: a job came twice")

    async def latest(self) -> None:
        """Ask for the newest job, of all or of one book."""
        job = self._any_job()
        query = {"book_id": job.book_id} if job and self.random.random() < 0.5 else {}
        await self._ask("latest", "GET", "/v1/jobs/latest", 200, 404, params=query)

    async def count(self) -> None:
        """Ask for the counts."""
        await self._ask("stats", "GET", "/v1/jobs/stats", 200)

    async def cancel(self) -> None:
        """Call off a job if it waits."""
        if job := self._any_job():
            await self._about(job, "cancel", "DELETE", "", 200, 409)

    async def stop(self) -> None:
        """Call off a job, waiting or running."""
        if job := self._any_job():
            await self._about(job, "stop", "POST", "/cancel", 202, 409)

    async def retry(self) -> None:
        """Queue a job again."""
        if job := self._any_job():
            job.retries += 1  # taken back only if it surely was not
            answer = await self._about(job, "retry", "POST", "/retry", 200, 409, 503)
            job.retries -= answer.status_code != 200

    async def result(self) -> None:
        """Fetch a result."""
        if job := self._any_job():
            answer = await self._about(job, "result", "GET", "/result", 200, 404, 409, 425)
            if answer.status_code == 200 and answer.json()["job_id"] != job.job_id:
                self.record.fault("result: it is another job's")

    async def file(self) -> None:
        """Fetch one of BookNLP's files."""
        if job := self._any_job():
            await self._about(job, "file", "GET", f"/files/{self.random.choice(FILES)}", 200, 404, 409, 425)

    async def discard(self) -> None:
        """Delete a result."""
        if job := self._any_job():
            was_discarded, job.is_discarded = job.is_discarded, True
            answer = await self._about(job, "delete result", "DELETE", "/result", 204, 404, 409)
            job.is_discarded = was_discarded or answer.status_code == 204

    async def send_nonsense(self) -> None:
        """Send what must be refused."""
        method, path, body, status = self.random.choice(WRONG)
        await self._ask("bad input", method, path, status, **body)

    async def look_at_the_service(self) -> None:
        """Ask how the service is."""
        await self._ask("health", "GET", self.random.choice(("/health", "/metrics", "/openapi.json")), 200)

    def _request(self) -> dict[str, str]:
        return {
            "text": self.random.choice(self.texts),
            "model": "mini",
            "book_id": f"{self.name}-{self.random.getrandbits(48):x}",
        }

    def _any_job(self) -> AcceptedJob | None:
        """Return one of the newest jobs mostly, since those change."""
        jobs = list(self.record.jobs.values())
        newest = jobs[-30:] if self.random.random() < 0.7 else jobs
        return self.random.choice(newest) if newest else None

    async def _about(
        self, job: AcceptedJob, call: str, method: str, path: str, *allowed: int, **content: Any
    ) -> httpx.Response:
        """Make a call about a job; one that was seen must stay there."""
        was_there = job.is_there
        allowed = allowed if was_there else (*allowed, 404)
        answer = await self._ask(call, method, f"/v1/jobs/{job.job_id}{path}", *allowed, **content)
        if answer.status_code == 404 and was_there and not job.is_discarded and not path.startswith("/files"):
            self.record.fault(f"{call}: a job is lost ({answer.text[:200]})")
        job.is_there |= answer.is_success
        return answer

    async def _ask(self, call: str, method: str, path: str, *allowed: int, **content: Any) -> httpx.Response:
        begun = time.monotonic()
        try:
            answer = await self.client.request(method, path, **content)
        except httpx.TransportError as error:
            self.record.unanswered(call, error)
            raise NoAnswer from error
        self.record.answered(call, answer, time.monotonic() - begun, allowed)
        if not answer.is_success and not is_json(answer):
            self.record.fault(f"{call}: {answer.status_code} is not JSON")
        return answer


def is_json(answer: httpx.Response) -> bool:
    """Whether the answer's body is JSON."""
    try:
        json.loads(answer.content)
    except ValueError:
        return False
    return True


Mix: TypeAlias = Mapping[Callable[[Caller], Awaitable[None]], int]

MIX: Mix = {
    Caller.submit: 12,
    Caller.analyze: 3,
    Caller.upload: 3,
    Caller.look: 24,
    Caller.wait: 6,
    Caller.list_jobs: 5,
    Caller.latest: 4,
    Caller.count: 4,
    Caller.cancel: 3,
    Caller.stop: 3,
    Caller.retry: 4,
    Caller.result: 8,
    Caller.file: 6,
    Caller.discard: 1,
    Caller.send_nonsense: 6,
    Caller.look_at_the_service: 3,
}
