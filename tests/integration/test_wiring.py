"""What the template wires to the functions beside the API, shown by events that really travel in the emulator."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from infra.local import emulator
from infra.local.clients import client
from infra.local.deploy import Deployer, Deployment
from infra.local.template import Template
from jobs.callbacks.model import CallbackState, id_of
from jobs.callbacks.signature import written
from jobs.clock import utc_now
from jobs.errors import JobNotFound
from jobs.model import Job, Status
from jobs.queue import JobQueue
from jobs.request import JobRequest
from jobs.service import JobService
from jobs.settings import Settings
from tests.receiver import documented_verify, receiving

#: How long an event may take through the emulator to its function and back into the table, in seconds.
TRAVELS_WITHIN = 20.0


@pytest.fixture(scope="module")
def deployment(emulator_port: int) -> Deployment:
    return Deployer(emulator_port, {"SubstitutePack": "mini"}).deploy(None)


@pytest.fixture
def service(emulator_port: int, deployment: Deployment) -> Iterator[JobService]:
    """The job core over what is deployed."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in emulator.client_environment(emulator_port).items():
            environment.setenv(name, value)
        yield JobService.connect(Settings.from_environment(deployment.settings))


def eventually(look: Callable[[], Job | None]) -> Job:
    deadline = time.monotonic() + TRAVELS_WITHIN
    while (found := look()) is None:
        assert time.monotonic() < deadline, f"it did not come to pass within {TRAVELS_WITHIN} s"
        time.sleep(0.1)
    return found


def job_of(service: JobService, key: str) -> Job | None:
    """Return the job that an upload is tagged with."""
    tags = service.documents.client.get_object_tagging(Bucket=service.documents.bucket, Key=key)["TagSet"]
    try:
        return service.get(tags[0]["Value"], "public") if tags else None
    except JobNotFound:
        return None


def test_an_object_put_under_incoming_becomes_a_job(service: JobService) -> None:
    key = "incoming/shelf 1/a büch.txt"
    service.documents.client.put_object(
        Bucket=service.documents.bucket, Key=key, Body=b"Call me Ishmael.", Metadata={"book-id": "moby"}
    )
    job = eventually(lambda: job_of(service, key))
    assert (job.status, job.book_id, job.pack) == (Status.PENDING, "moby", "mini")
    assert service.documents.read(job.document_key).decode() == "Call me Ishmael."


def test_an_object_elsewhere_is_no_upload(service: JobService) -> None:
    before = service.stats("public").total
    service.documents.put("elsewhere/a.txt", b"A text.", "text/plain")
    key = "incoming/later.txt"
    service.documents.put(key, b"A text.", "text/plain")
    eventually(lambda: job_of(service, key))
    assert service.stats("public").total == before + 1


def test_a_message_in_the_dead_letter_queue_ends_its_job(service: JobService, deployment: Deployment) -> None:
    job = service.submit(JobRequest(model="mini"), "A text that kills.", "public")
    for _ in range(service.settings.max_attempts):
        job, _ = service.store.claim(job, "gone", utc_now(), timedelta(0))
    JobQueue(service.queue.client, deployment.outputs["DeadLetterQueueUrl"]).send(job.job_id)
    ended = eventually(lambda: found if (found := service.get(job.job_id, "public")).status.ended else None)
    assert ended.status is Status.FAILED


def test_the_end_of_a_job_is_told_to_the_address_that_it_came_with_once(service: JobService) -> None:
    with receiving() as receiver:
        request = JobRequest(model="mini", callback_url=receiver.url())
        job = service.cancel(service.submit(request, "A text.", "public").job_id, "public")
        eventually(lambda: job if told(service, job) is CallbackState.DELIVERED else None)
    (got,) = receiver.received
    secret = written(service.callbacks.secrets.of("public").current)
    assert documented_verify()(secret, got.headers, got.body)
    assert json.loads(got.body)["data"]["status"] == "cancelled"


def told(service: JobService, job: Job) -> CallbackState | None:
    callback = service.callbacks.outbox.find(id_of(job))
    return callback.state if callback else None


def test_the_janitor_and_the_cleanup_answer_as_deployed(
    emulator_port: int, service: JobService, deployment: Deployment
) -> None:
    lost = "33333333-3333-4333-8333-333333333333"
    service.documents.put(f"documents/{lost}.0.txt", b"A text.", "text/plain")
    removed = {"eventName": "REMOVE", "dynamodb": {"Keys": {"pk": {"S": f"job#{lost}"}}, "SequenceNumber": "1"}}
    assert invoke(emulator_port, deployment.outputs["CleanupFunctionName"], {"Records": [removed]}) == {
        "batchItemFailures": []
    }
    assert service.documents.find(f"documents/{lost}.0.txt") is None
    assert invoke(emulator_port, deployment.outputs["JanitorFunctionName"], {}) is None


def test_the_schedule_the_stream_and_the_queues_lead_to_their_functions(
    emulator_port: int, deployment: Deployment
) -> None:
    events = client("events", emulator_port)
    (rule,) = [found for found in events.list_rules()["Rules"] if "ScheduleExpression" in found]
    (target,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(1 minute)", "ENABLED")
    assert deployment.outputs["JanitorFunctionName"] in target["Arn"]
    sources = client("lambda", emulator_port).list_event_source_mappings()["EventSourceMappings"]
    fed = {mapping["FunctionArn"].rpartition(":")[2]: mapping for mapping in sources}
    assert set(fed) == {
        deployment.outputs[f"{name}FunctionName"] for name in ("Announce", "Cleanup", "DeadLetter", "Ingest", "Notify")
    }  # fmt: skip
    wanted = Template.read().properties("CleanupSource")["FilterCriteria"]
    assert fed[deployment.outputs["CleanupFunctionName"]]["FilterCriteria"] == wanted


def invoke(port: int, function: str, event: dict[str, Any]) -> Any:
    answer = client("lambda", port).invoke(FunctionName=function, Payload=json.dumps(event).encode())
    body = answer["Payload"].read()
    assert "FunctionError" not in answer, body
    return json.loads(body)
