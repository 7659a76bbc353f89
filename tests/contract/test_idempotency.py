"""`Idempotency-Key` on POST /v1/jobs."""

from dataclasses import replace
from typing import Any

import httpx
import pytest
from botocore.exceptions import EndpointConnectionError

from functions.api import routes
from jobs.queue import JobQueue
from jobs.request import JobRequest
from jobs.service import JobService
from tests.conftest import SettableClock
from tests.contract.jobs_at_hand import JobsAtHand

BODY = {"text": "It was a dark night.", "model": "mini"}


def post(api: httpx.Client, key: str, **fields: Any) -> httpx.Response:
    return api.post("/v1/jobs", json={**BODY, **fields}, headers={"Idempotency-Key": key})


def texts(service: JobService) -> list[str]:
    documents = service.documents
    found = documents.client.list_objects_v2(Bucket=documents.bucket, Prefix="documents/").get("Contents", [])
    return [one["Key"] for one in found]


def test_the_same_request_under_the_same_key_makes_one_job_and_equal_answers(
    here: httpx.Client, service: JobService
) -> None:
    answers = [post(here, "mine") for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert answers[0].json() == answers[1].json() == answers[2].json()
    assert here.get("/v1/jobs/stats").json()["total_jobs"] == 1
    assert len(texts(service)) == 1


def test_another_key_or_none_makes_another_job(here: httpx.Client) -> None:
    found = {post(here, key).json()["job_id"] for key in ("one", "two")}
    found |= {here.post("/v1/jobs", json=BODY).json()["job_id"] for _ in range(2)}
    assert len(found) == 4


@pytest.mark.parametrize(
    "other",
    [{"text": "It was a bright day."}, {"book_id": "moby"}, {"pipeline": ["entity"]}, {"options": {"compat": True}}],
    ids=["text", "book", "pipeline", "options"],
)
def test_another_request_under_the_same_key_gets_422_and_changes_nothing(
    here: httpx.Client, service: JobService, other: dict[str, Any]
) -> None:
    job_id = post(here, "mine").json()["job_id"]
    answer = post(here, "mine", **other)
    assert answer.status_code == 422
    assert "Send a new key" in answer.json()["detail"]
    job = service.get(job_id, "public")
    assert texts(service) == [job.document_key]
    assert service.documents.read(job.document_key).decode() == BODY["text"]


def test_what_is_only_written_otherwise_is_the_same_request(here: httpx.Client) -> None:
    first = post(here, "mine")
    again = post(here, "mine", pipeline=["coref", "quote", "event", "supersense", "entity"], colour="red")
    assert again.json() == first.json()


def test_a_repeated_request_is_answered_alike_whatever_has_become_of_the_job(
    here: httpx.Client, service: JobService, at_hand: JobsAtHand
) -> None:
    first = post(here, "mine").json()
    _, lease = at_hand.claim(service.get(first["job_id"], "public"))
    service.store.note_pack(lease, "mini@0.1")
    assert post(here, "mine").json() == first
    service.store.fail(lease, "No.", at_hand.clock())
    assert post(here, "mine").json() == first


def test_a_key_holds_for_a_day_and_is_free_again_once_its_job_is_forgotten(
    here: httpx.Client, service: JobService, clock: SettableClock
) -> None:
    job_id = post(here, "mine").json()["job_id"]
    service.cancel(job_id, "public")
    clock.advance(24 * 3600)
    assert post(here, "mine").json()["job_id"] == job_id
    clock.advance(service.settings.job_ttl_seconds)
    assert post(here, "mine", text="Another day.").json()["status"] == "pending"


def test_a_strangers_key_is_another_key(here: httpx.Client, service: JobService) -> None:
    theirs = service.submit_once(JobRequest(model="mini"), "It was a bright day.", "somebody else", "mine")
    assert post(here, "mine").json()["job_id"] != theirs.job_id


def test_a_request_that_found_the_queue_full_may_be_repeated(
    here: httpx.Client, service: JobService, at_hand: JobsAtHand
) -> None:
    waiting = [at_hand.pending() for _ in range(10)]
    assert post(here, "mine").status_code == 503
    assert len(texts(service)) == 10
    service.cancel(waiting[0].job_id, "public")
    assert post(here, "mine").status_code == 200


def test_a_job_that_was_stored_but_not_queued_is_queued_by_the_same_request(
    here: httpx.Client, service: JobService, monkeypatch: pytest.MonkeyPatch
) -> None:
    class DeadQueue(JobQueue):
        def send(self, job_id: str, occasion: str = "") -> None:  # noqa: ARG002 - the signature is JobQueue's
            raise EndpointConnectionError(endpoint_url=self.url)

    while (old := service.queue.receive(visibility_seconds=30, wait_seconds=0)) is not None:
        service.queue.acknowledge(old)
    broken = replace(service, queue=DeadQueue(service.queue.client, service.queue.url))
    monkeypatch.setattr(routes, "jobs", lambda: broken)
    job_id = post(here, "mine").json()["job_id"]
    monkeypatch.setattr(routes, "jobs", lambda: service)
    assert post(here, "mine").json()["job_id"] == job_id
    message = service.queue.receive(visibility_seconds=30, wait_seconds=0)
    assert message is not None
    assert message.job_id == job_id
    service.queue.acknowledge(message)


@pytest.mark.parametrize("key", ["x" * 256, "caf\xe9", "a\tb", ""])
def test_a_key_that_is_not_sane_gets_400(here: httpx.Client, key: str) -> None:
    answer = here.post("/v1/jobs", json=BODY, headers={b"Idempotency-Key": key.encode("latin-1")})
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("Idempotency-Key: ")
