"""The roles of the template allow what the code does, and not what it does not, as IAM decides it.

The emulator enforces IAM when it is told to. It speaks plain HTTP, which the template's policies refuse; so the one
test that shows that refusal deploys the template as it is, and the others leave those policies out.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from infra.local import emulator
from infra.local.clients import client
from infra.local.deploy import Deployer, Deployment
from infra.local.errors import StateDamaged
from infra.local.ports import free_port
from infra.local.processes import Child
from infra.local.template import Template
from jobs.callbacks.delivery import Notifier
from jobs.callbacks.model import CallbackState, id_of
from jobs.clock import utc_now
from jobs.dead_letters import bury
from jobs.documents import checkpoint_key, result_key
from jobs.errors import DocumentMissing
from jobs.ingest import ObjectCreated, ingest
from jobs.key_store import KeyStore
from jobs.keys import ApiKey, NewKey, make_key
from jobs.model import Job, Outcome, Progress, Status
from jobs.queue import JobQueue
from jobs.request import JobRequest
from jobs.service import JobService
from jobs.settings import Settings
from jobs.situation import situation
from jobs.upkeep import clear_after, keep_up
from jobs.upload_forms import UploadForm, upload_form
from jobs.uploads import requested
from tests.receiver import answering, receiving
from tests.resources import forget_everything

TLS_ONLY = ("BucketPolicy", "QueuePolicy", "DeadLetterQueuePolicy", "CallbackQueuePolicy")
ANY_ROLE = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}
LEASE = timedelta(seconds=60)
#: How the services say 403; DynamoDB and SQS do so in words alone.
DENIED = r"(?i)denied|not authorized|Forbidden"


@dataclass(frozen=True)
class Cloud:
    """A deployment whose emulator enforces IAM."""

    port: int
    deployment: Deployment

    def ask(self, method: str, path: str, body: object = None) -> int:
        """Return the status that the function answers under its role."""
        api = f"/_aws/execute-api/{self.deployment.outputs['ApiId']}/$default"
        return httpx.request(method, emulator.url(self.port) + api + path, json=body, timeout=30).status_code

    def service(self, credentials: Mapping[str, str]) -> JobService:
        """Return the job core with the permissions of the credentials."""
        with pytest.MonkeyPatch.context() as environment:
            for name, value in {**emulator.client_environment(self.port), **credentials}.items():
                environment.setenv(name, value)
            return JobService.connect(Settings.from_environment(self.deployment.settings))

    def as_function(self, output: str) -> JobService:
        """Return the job core with the permissions of the function of that output."""
        function = self.deployment.outputs[output]
        return self.as_role(client("lambda", self.port).get_function_configuration(FunctionName=function)["Role"])

    def as_role(self, role: str) -> JobService:
        """Return the job core with the permissions of a role."""
        client("iam", self.port).update_assume_role_policy(
            RoleName=role.rpartition("/")[2], PolicyDocument=json.dumps(ANY_ROLE)
        )
        given = client("sts", self.port).assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        return self.service(
            {
                "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
                "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
                "AWS_SESSION_TOKEN": given["SessionToken"],
            }
        )


def without(names: tuple[str, ...]) -> Template:
    body = Template.read().body
    kept: Mapping[str, Any] = {name: found for name, found in body["Resources"].items() if name not in names}
    return Template({**body, "Resources": kept})


@pytest.fixture(scope="module")
def strict_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port, home = free_port(), tmp_path_factory.mktemp("strict")
    settings = {**emulator.environment(port, scratch=home), "AUTH": "true"}
    child = Child.start("emulator", [emulator.MODULE], settings, home / "emulator.log")
    try:
        emulator.wait_until_ready(port, child)
        yield port
    finally:
        child.ask_to_stop()
        child.see_stopped(patience=10)


@pytest.fixture(scope="module")
def cloud(strict_port: int) -> Cloud:
    forget_everything(strict_port)
    return Cloud(strict_port, Deployer(strict_port, {"SubstitutePack": "mini"}, without(TLS_ONLY)).deploy(None))


@pytest.fixture(scope="module")
def root(cloud: Cloud) -> JobService:
    """The job core of someone who may do everything."""
    return cloud.service(emulator.CREDENTIALS)


@pytest.fixture(scope="module")
def worker(cloud: Cloud) -> JobService:
    """The job core of the worker: a role that has the template's policy for it and nothing else."""
    iam = client("iam", cloud.port)
    role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=json.dumps(ANY_ROLE))["Role"]["Arn"]
    iam.attach_role_policy(RoleName="worker", PolicyArn=cloud.deployment.outputs["WorkerPolicyArn"])
    return cloud.as_role(role)


@pytest.fixture(scope="module")
def api(cloud: Cloud) -> JobService:
    """The job core of the API: with the permissions that its function's role gives it."""
    return cloud.as_function("ApiFunctionName")


@pytest.fixture(scope="module")
def janitor(cloud: Cloud) -> JobService:
    """The job core of the janitor: with the permissions that its function's role gives it."""
    return cloud.as_function("JanitorFunctionName")


def completed(root: JobService) -> Job:
    job = root.submit(JobRequest(model="mini"), "Call me Ishmael.", "public")
    job, lease = root.store.claim(job, "test", utc_now(), LEASE)
    root.documents.put(result_key(job.job_id, lease.epoch), b"{}", "application/json")
    return root.store.publish(lease, Outcome(token_count=4, completed_at=utc_now(), processing_time_ms=1))


def test_the_api_may_do_all_that_its_routes_do(cloud: Cloud, root: JobService) -> None:
    assert cloud.ask("POST", "/v1/jobs", {"text": "Call me Ishmael."}) == 200
    job_id, done = root.store.waiting()[0], completed(root)
    told = {
        (method, path): cloud.ask(method, path)
        for method, path in [
            ("GET", "/health"),
            ("GET", "/v1/jobs/stats"),
            ("GET", f"/v1/jobs/{job_id}"),
            ("GET", f"/v1/jobs/{job_id}/result"),
            ("DELETE", f"/v1/jobs/{job_id}"),
            ("POST", f"/v1/jobs/{job_id}/retry"),
            ("POST", f"/v1/jobs/{job_id}/cancel"),
            ("GET", f"/v1/jobs/{done.job_id}/files/book"),
            ("DELETE", f"/v1/jobs/{done.job_id}/result"),
        ]
    }
    assert list(told.values()) == [200, 200, 200, 425, 200, 200, 202, 404, 204], told


def test_the_readiness_of_everything_that_the_api_depends_on_can_be_asked(cloud: Cloud) -> None:
    api = f"/_aws/execute-api/{cloud.deployment.outputs['ApiId']}/$default/ready"
    checks = httpx.get(emulator.url(cloud.port) + api, timeout=30).json()["checks"]
    assert {name for name, check in checks.items() if not check["ok"]} <= {"worker"}, checks


def keys_as(service: JobService) -> KeyStore:
    """Return the keys with the permissions that a job core has."""
    assert service.settings.keys_table is not None
    return KeyStore(service.store.client, service.settings.keys_table)


@pytest.fixture
def key(root: JobService) -> ApiKey:
    made, _ = make_key(NewKey(name="ci", tenant="acme"), utc_now())
    keys_as(root).add(made)
    return made


def test_the_api_may_know_a_key_and_note_its_use(root: JobService, api: JobService, key: ApiKey) -> None:
    keys_as(api).note_use(key.key_id, utc_now(), timedelta(minutes=1))
    found = keys_as(api).find(key.key_id)
    assert found is not None
    assert found == keys_as(root).find(key.key_id)
    assert found.last_used_at is not None


def test_the_api_may_neither_make_a_key_nor_list_them(api: JobService, key: ApiKey) -> None:
    with pytest.raises(ClientError, match=DENIED):
        keys_as(api).add(key)
    with pytest.raises(ClientError, match=DENIED):
        keys_as(api).all()


@pytest.mark.parametrize("function", ["Janitor", "Cleanup", "DeadLetter", "Ingest"])
def test_no_other_function_may_know_a_key(cloud: Cloud, key: ApiKey, function: str) -> None:
    with pytest.raises(ClientError, match=DENIED):
        keys_as(cloud.as_function(f"{function}FunctionName")).find(key.key_id)


def test_the_worker_may_not_know_a_key(worker: JobService, key: ApiKey) -> None:
    with pytest.raises(ClientError, match=DENIED):
        keys_as(worker).find(key.key_id)


def test_the_api_may_neither_take_messages_nor_write_results(api: JobService) -> None:
    assert api.queue_size() >= 0
    with pytest.raises(ClientError, match=DENIED):
        api.queue.receive(visibility_seconds=30, wait_seconds=1)
    with pytest.raises(ClientError, match=DENIED):
        api.documents.put(result_key("1", 1), b"{}", "application/json")


@pytest.fixture
def form(api: JobService) -> UploadForm:
    """A form for texts of up to 5 characters, signed by the API."""
    tight = api.settings.model_copy(update={"max_document_size": 5})
    return upload_form(replace(api, settings=tight), JobRequest(model="mini", book_id="Æsop"), "public")


def send(form: UploadForm, text: bytes = b"A fox", **other_fields: str) -> httpx.Response:
    return httpx.post(form.url, data={**form.fields, **other_fields}, files={"file": ("a.txt", text)}, timeout=30)


def test_a_form_of_the_apis_stores_an_upload_as_it_was_asked_for(form: UploadForm, root: JobService) -> None:
    assert send(form, "🦊🦊🦊🦊🦊".encode(), **{"Content-Type": "text/plain"}).status_code == 204
    stored = root.documents.client.head_object(Bucket=root.documents.bucket, Key=form.fields["key"])
    assert requested(stored["Metadata"]) == JobRequest(model="mini", book_id="Æsop")


@pytest.mark.parametrize(
    ("text", "other_fields"),
    [
        (b"", {}),
        (b"x" * 24, {}),
        (b"A fox", {"Content-Type": "application/pdf"}),
        (b"A fox", {"key": "incoming/uploads/public/another"}),
        (b"A fox", {"x-amz-meta-request": "{}"}),
        (b"A fox", {"x-amz-meta-model": "mini"}),
        (b"A fox", {"acl": "public-read"}),
    ],
)
def test_a_form_takes_nothing_else(form: UploadForm, text: bytes, other_fields: dict[str, str]) -> None:
    assert send(form, text, **other_fields).status_code in (400, 403)


def test_the_api_may_put_uploads_nowhere_but_where_its_forms_lead(api: JobService) -> None:
    with pytest.raises(ClientError, match=DENIED):
        api.documents.put("incoming/a.txt", b"A text.", "text/plain")


def test_the_worker_may_do_all_that_a_job_needs(root: JobService, worker: JobService, cloud: Cloud) -> None:
    submitted = root.submit(JobRequest(model="mini"), "Call me Ishmael.", "public")
    store, documents, now = worker.store, worker.documents, utc_now()
    store.hear_worker("worker", now)
    message = worker.queue.receive(visibility_seconds=30, wait_seconds=5)
    assert message is not None
    job, lease = store.claim(store.get(submitted.job_id, now), "worker", now, LEASE)
    assert documents.read(job.document_key).decode() == "Call me Ishmael."
    store.beat(lease, now + LEASE, Progress("tokens", 10.0))
    worker.queue.extend(message, 30)
    documents.put(checkpoint_key(job.job_id, "f", "tokens"), b"state", "application/octet-stream")
    assert documents.checkpointed(job.job_id, "f") == ["tokens"]
    with pytest.raises(DocumentMissing):
        documents.read(checkpoint_key(job.job_id, "f", "entities"))
    job, lease = store.claim(store.release(job, lease), "worker", now, LEASE)
    documents.put(result_key(job.job_id, lease.epoch), b"{}", "application/json", encoding="gzip")
    job = store.publish(lease, Outcome(token_count=4, completed_at=now, processing_time_ms=1))
    documents.delete_checkpoints(job.job_id)
    documents.delete_results(job.job_id, but_epoch=lease.epoch)
    worker.queue.acknowledge(message)
    JobQueue(worker.queue.client, cloud.deployment.outputs["DeadLetterQueueUrl"]).send(job.job_id)
    store.forget_worker("worker")


def test_the_janitor_may_do_all_its_duties(root: JobService, janitor: JobService) -> None:
    waiting, running = (root.submit(JobRequest(model="mini"), "Call me Ishmael.", "public") for _ in range(2))
    root.store.claim(running, "gone", utc_now() - timedelta(hours=1), LEASE)
    done = completed(root)
    seat = {":place": {"SS": [done.place]}}
    root.store.client.update_item(
        TableName=root.store.table,
        Key={"pk": {"S": "queue"}},
        UpdateExpression="ADD waiting :place",
        ExpressionAttributeValues=seat,
    )
    later = replace(janitor, clock=lambda: utc_now() + timedelta(hours=2))
    counts, failures = keep_up(later)
    assert situation(later)["WorkerHeard"] == 0
    assert failures == []
    assert counts["JobsTakenBack"] >= 1
    assert counts["JobsSwept"] >= 1
    assert counts["PlacesRepaired"] == 1
    assert root.store.get(running.job_id, utc_now()).status is Status.PENDING
    with pytest.raises(DocumentMissing):
        root.documents.read(done.document_key)
    root.store.cancel(root.store.get(waiting.job_id, utc_now()), utc_now())


def test_the_janitor_may_not_read_what_callers_sent(janitor: JobService) -> None:
    with pytest.raises(ClientError, match=DENIED):
        janitor.documents.read("documents/1.txt")


def test_what_uploads_dead_letters_and_removed_records_call_for_may_be_done(cloud: Cloud, root: JobService) -> None:
    bucket, key = root.documents.bucket, "incoming/a.txt"
    etag = root.documents.client.put_object(Bucket=bucket, Key=key, Body=b"Call me Ishmael.")["ETag"].strip('"')
    told = {"bucket": {"name": bucket}, "object": {"key": key, "etag": etag, "sequencer": "1"}}
    ingesting = cloud.as_function("IngestFunctionName")
    job = ingest(ingesting, ObjectCreated.model_validate(told))
    assert job is not None
    assert job.status is Status.PENDING
    with pytest.raises(ClientError, match=DENIED):
        ingesting.documents.read(job.document_key)
    with pytest.raises(ClientError, match=DENIED):
        ingesting.documents.delete_text(key)

    burying = cloud.as_function("DeadLetterFunctionName")
    bury(burying, job.job_id)
    for _ in range(root.settings.max_attempts):
        job, _ = root.store.claim(job, "gone", utc_now(), timedelta(0))
    bury(burying, job.job_id)
    assert root.store.get(job.job_id, utc_now()).status is Status.FAILED

    root.store.client.delete_item(TableName=root.store.table, Key={"pk": {"S": f"job#{job.job_id}"}})
    clear_after(cloud.as_function("CleanupFunctionName"), job.job_id)
    assert root.documents.find(job.document_key) is None


def test_what_delivers_callbacks_may_do_so_and_reads_no_text(cloud: Cloud, root: JobService) -> None:
    notifying, announcing = cloud.as_function("NotifyFunctionName"), cloud.as_function("AnnounceFunctionName")
    with receiving() as receiver:
        receiver.answers = [answering(500), answering(200)]
        request = JobRequest(model="mini", callback_url=receiver.url())
        job = root.submit(request, "A text.", "public")
        burying = cloud.as_function("DeadLetterFunctionName")
        job = burying.store.bury(job, "no worker survived it", utc_now())
        announcing.callbacks.queue.send(id_of(job))
        notifier = Notifier(notifying, lambda callback: callback.event.encode())
        first = notifier.deliver(id_of(job))
        assert first is None or first.job == job, "the function itself may have been quicker"
        later = replace(notifier, service=replace(notifying, clock=lambda: utc_now() + timedelta(hours=1)))
        later.deliver(id_of(job))
        deadline = time.monotonic() + 20
        while root.callbacks.latest([job])[job.job_id].state is not CallbackState.DELIVERED:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    with pytest.raises(ClientError, match=DENIED):
        notifying.documents.read(job.document_key)
    with pytest.raises(ClientError, match=DENIED):
        announcing.callbacks.outbox.find(id_of(job))


def test_the_worker_may_not_hand_itself_books(worker: JobService) -> None:
    with pytest.raises(ClientError, match=DENIED):
        worker.documents.put_text("documents/1.a.txt", "A text.")
    with pytest.raises(ClientError, match=DENIED):
        worker.queue.send("1")


@pytest.mark.parametrize("policy", ["BucketPolicy", "QueuePolicy"])
def test_plain_http_is_refused_even_to_those_who_may(cloud: Cloud, worker: JobService, policy: str) -> None:
    template = without(tuple(name for name in TLS_ONLY if name != policy))
    with suppress(StateDamaged):  # the deployer cannot look at what it made either
        Deployer(cloud.port, {"SubstitutePack": "mini"}, template).deploy(cloud.deployment)
    with pytest.raises(ClientError, match=DENIED):
        worker.documents.find("documents/1.txt") if policy == "BucketPolicy" else worker.queue.receive(30, 1)
