"""POST /v1/jobs/{job_id}/cancel, POST /v1/jobs/{job_id}/retry and DELETE /v1/jobs/{job_id}/result."""

from dataclasses import replace
from datetime import datetime

import httpx
import pytest
from botocore.exceptions import EndpointConnectionError

from functions.api import routes
from jobs.model import Job
from jobs.queue import JobQueue
from jobs.service import JobService
from jobs.store import JobStore
from jobs.upkeep import send_again
from tests.contract.jobs_at_hand import JobsAtHand

PATHS = (("POST", "/cancel"), ("POST", "/retry"), ("DELETE", "/result"))


def status_of(here: httpx.Client, job: Job) -> str:
    return str(here.get(f"/v1/jobs/{job.job_id}").json()["status"])


def objects(service: JobService) -> list[str]:
    documents = service.documents
    found = documents.client.list_objects_v2(Bucket=documents.bucket).get("Contents", [])
    return [one["Key"] for one in found]


def callbacks(service: JobService) -> int:
    items = service.store.client.scan(TableName=service.store.table)["Items"]
    return len([item for item in items if item["pk"]["S"].startswith("callback#")])


def test_a_waiting_job_is_called_off_at_once(here: httpx.Client, at_hand: JobsAtHand) -> None:
    job = at_hand.pending()
    answer = here.post(f"/v1/jobs/{job.job_id}/cancel")
    assert answer.status_code == 202
    assert answer.json() == {"job_id": job.job_id, "status": "cancelled"}
    assert status_of(here, job) == "cancelled"


def test_a_running_job_is_called_off_by_its_worker(
    here: httpx.Client, at_hand: JobsAtHand, service: JobService
) -> None:
    job, lease = at_hand.running()
    for _ in range(2):
        answer = here.post(f"/v1/jobs/{job.job_id}/cancel")
        assert answer.status_code == 202
        assert answer.json() == {"job_id": job.job_id, "status": "running"}
    assert service.get(job.job_id, job.tenant).cancel_requested
    service.store.stop(lease, at_hand.clock())
    assert status_of(here, job) == "cancelled"


def test_a_job_that_is_claimed_at_that_moment_is_called_off_all_the_same(
    here: httpx.Client, at_hand: JobsAtHand, service: JobService, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = at_hand.pending()

    class ClaimedMeanwhile(JobStore):
        def cancel(self, job: Job, now: datetime) -> Job:
            at_hand.claim(job)
            return super().cancel(job, now)

    store = ClaimedMeanwhile(service.store.client, service.store.table, service.store.ttl)
    racing = replace(service, store=store)
    monkeypatch.setattr(routes, "jobs", lambda: racing)
    assert here.post(f"/v1/jobs/{job.job_id}/cancel").json()["status"] == "running"
    assert service.get(job.job_id, job.tenant).cancel_requested


def test_a_job_that_is_called_off_twice_is_answered_alike(here: httpx.Client, at_hand: JobsAtHand) -> None:
    job = at_hand.pending()
    answers = [here.post(f"/v1/jobs/{job.job_id}/cancel") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json() == {"job_id": job.job_id, "status": "cancelled"}


def test_a_job_that_another_caller_calls_off_at_that_moment_is_called_off(
    here: httpx.Client, at_hand: JobsAtHand, service: JobService, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, (running, lease) = at_hand.pending(), at_hand.running()

    class StoppedMeanwhile(JobStore):
        def cancel(self, job: Job, now: datetime) -> Job:
            service.store.cancel(job, at_hand.clock())
            return super().cancel(job, now)

        def request_cancel(self, job: Job) -> Job:
            service.store.stop(lease, at_hand.clock())
            return super().request_cancel(job)

    store = StoppedMeanwhile(service.store.client, service.store.table, service.store.ttl)
    racing = replace(service, store=store)
    monkeypatch.setattr(routes, "jobs", lambda: racing)
    for job in (waiting, running):
        assert here.post(f"/v1/jobs/{job.job_id}/cancel").json()["status"] == "cancelled"


def test_a_job_that_came_to_another_end_is_not_called_off(
    here: httpx.Client, at_hand: JobsAtHand, service: JobService
) -> None:
    expired = at_hand.pending()
    here.post(f"/v1/jobs/{expired.job_id}/cancel")
    at_hand.clock.advance(service.settings.job_ttl_seconds)
    for job, state in ((at_hand.completed(), "completed"), (at_hand.failed("No."), "failed"), (expired, "expired")):
        answer = here.post(f"/v1/jobs/{job.job_id}/cancel")
        assert answer.status_code == 409
        assert f"it is {state}" in answer.json()["detail"]


def test_whoever_deletes_a_running_job_is_told_how_to_stop_it(here: httpx.Client, at_hand: JobsAtHand) -> None:
    job = at_hand.halfway()
    answer = here.delete(f"/v1/jobs/{job.job_id}")
    assert answer.status_code == 409
    assert answer.json()["detail"].endswith(f"To stop it: POST /v1/jobs/{job.job_id}/cancel.")


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_a_job_that_ended_without_a_result_can_be_retried(
    here: httpx.Client, at_hand: JobsAtHand, service: JobService, end: str
) -> None:
    job = at_hand.failed("No memory.") if end == "failed" else at_hand.pending()
    here.delete(f"/v1/jobs/{job.job_id}")
    answer = here.post(f"/v1/jobs/{job.job_id}/retry")
    assert answer.status_code == 200
    assert answer.json()["job_id"] == job.job_id
    assert answer.json()["status"] == "pending"
    assert answer.json()["queue_position"] == 1
    look = here.get(f"/v1/jobs/{job.job_id}").json()
    assert look["status"] == "pending"
    assert look["error_message"] is None


def test_a_retried_job_wakes_the_worker_though_it_was_queued_a_moment_ago(
    here: httpx.Client, at_hand: JobsAtHand, service: JobService
) -> None:
    """SQS drops a message that looks like one of the last five minutes."""
    while (old := service.queue.receive(visibility_seconds=30, wait_seconds=0)) is not None:
        service.queue.acknowledge(old)
    job = at_hand.pending()
    for _ in range(2):
        message = service.queue.receive(visibility_seconds=30, wait_seconds=0)
        assert message is not None
        assert message.job_id == job.job_id
        service.queue.acknowledge(message)
        here.delete(f"/v1/jobs/{job.job_id}")
        here.post(f"/v1/jobs/{job.job_id}/retry")


def test_a_job_in_any_other_state_is_not_retried(here: httpx.Client, at_hand: JobsAtHand) -> None:
    for job in (at_hand.completed(), at_hand.halfway(), at_hand.pending()):
        answer = here.post(f"/v1/jobs/{job.job_id}/retry")
        assert answer.status_code == 409
        assert f"it is {job.status}" in answer.json()["detail"]


def test_an_expired_job_is_not_retried_and_its_caller_is_told_what_to_do(
    here: httpx.Client, at_hand: JobsAtHand, service: JobService
) -> None:
    job = at_hand.failed("No memory.")
    at_hand.clock.advance(service.settings.job_ttl_seconds)
    answer = here.post(f"/v1/jobs/{job.job_id}/retry")
    assert answer.status_code == 409
    assert "it is expired. Submit the text again" in answer.json()["detail"]


def test_a_job_whose_text_is_gone_is_not_retried(here: httpx.Client, at_hand: JobsAtHand, service: JobService) -> None:
    job = at_hand.failed("No memory.")
    service.documents.delete_all(job.job_id)
    answer = here.post(f"/v1/jobs/{job.job_id}/retry")
    assert answer.status_code == 409
    assert "Submit the text again" in answer.json()["detail"]
    assert status_of(here, job) == "failed"


@pytest.mark.parametrize("meanwhile", ["nothing", "claimed"])
def test_a_retried_job_whose_message_is_lost_waits_until_the_janitor_sends_another(
    here: httpx.Client, at_hand: JobsAtHand, service: JobService, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    class DeadQueue(JobQueue):
        def send(self, job_id: str, occasion: str = "") -> None:  # noqa: ARG002 - the signature is JobQueue's
            if meanwhile == "claimed":
                at_hand.claim(service.get(job_id, "public"))
            raise EndpointConnectionError(endpoint_url=self.url)

    job = at_hand.failed("No memory.", callback_url="https://example.com/hook")
    while (old := service.queue.receive(visibility_seconds=30, wait_seconds=0)) is not None:
        service.queue.acknowledge(old)
    broken = replace(service, queue=DeadQueue(service.queue.client, service.queue.url))
    monkeypatch.setattr(routes, "jobs", lambda: broken)
    assert here.post(f"/v1/jobs/{job.job_id}/retry").json()["status"] == "pending"
    monkeypatch.setattr(routes, "jobs", lambda: service)
    assert status_of(here, job) == ("running" if meanwhile == "claimed" else "pending")
    assert callbacks(service) == 1, "of its first end"
    at_hand.clock.advance(61)
    send_again(service)
    if meanwhile == "nothing":
        message = service.queue.receive(visibility_seconds=30, wait_seconds=0)
        assert message is not None
        assert message.job_id == job.job_id


def test_a_retry_that_finds_the_queue_full_gets_503(here: httpx.Client, at_hand: JobsAtHand) -> None:
    job = at_hand.failed("No memory.")
    for _ in range(10):
        at_hand.pending()
    assert here.post(f"/v1/jobs/{job.job_id}/retry").status_code == 503


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
def test_an_ended_jobs_text_and_results_can_be_deleted(
    here: httpx.Client, at_hand: JobsAtHand, service: JobService, end: str
) -> None:
    job = {"completed": at_hand.completed, "failed": lambda: at_hand.failed("No."), "cancelled": at_hand.pending}[end]()
    here.delete(f"/v1/jobs/{job.job_id}")
    answer = here.delete(f"/v1/jobs/{job.job_id}/result")
    assert answer.status_code == 204
    assert answer.content == b""
    assert objects(service) == []
    assert status_of(here, job) == "expired"
    assert here.get(f"/v1/jobs/{job.job_id}/result").status_code == 404
    assert here.delete(f"/v1/jobs/{job.job_id}/result").status_code == 404
    assert here.post(f"/v1/jobs/{job.job_id}/retry").status_code == 409


def test_an_unfinished_jobs_text_is_not_deleted(here: httpx.Client, at_hand: JobsAtHand, service: JobService) -> None:
    for job in (at_hand.halfway(), at_hand.pending()):
        answer = here.delete(f"/v1/jobs/{job.job_id}/result")
        assert answer.status_code == 409
        assert f"it is {job.status}. Cancel it first: POST /v1/jobs/{job.job_id}/cancel." in answer.json()["detail"]
        assert job.document_key in objects(service)


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_a_strangers_job_is_not_there(here: httpx.Client, at_hand: JobsAtHand, method: str, path: str) -> None:
    job = at_hand.pending(tenant="somebody else")
    assert here.request(method, f"/v1/jobs/{job.job_id}{path}").status_code == 404


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_a_job_that_is_not_there_gets_404(api: httpx.Client, method: str, path: str) -> None:
    assert api.request(method, f"/v1/jobs/00000000-0000-4000-8000-000000000000{path}").status_code == 404
