"""Each role allows just what the code behind it does: no call is missing, and no permission is left over.

Every entry point runs here, in this process, over the deployed template, and does all that it can do. What it asks of
AWS is recorded and held against its role's policy, in both directions.
"""

import gzip
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from functions import connection
from functions.announce import handler as announce
from functions.api import connections
from functions.cleanup import handler as cleanup
from functions.dead_letter import handler as dead_letter
from functions.ingest import handler as ingest
from functions.janitor import handler as janitor
from functions.notify import handler as notify
from gpu_worker.connections import Connections
from gpu_worker.consumer import Consumer
from gpu_worker.engine_process import EngineProcess
from gpu_worker.settings import WorkerSettings
from gpu_worker.shutdown import Shutdown
from infra.local import emulator
from infra.local.clients import client
from infra.local.deploy import Deployer, Deployment
from infra.local.template import Template
from jobs.callbacks.model import id_of
from jobs.clock import utc_now
from jobs.documents import checkpoint_key, result_key
from jobs.ingest import form_key
from jobs.key_store import KeyStore
from jobs.keys import NewKey, make_key
from jobs.model import Job, Outcome, Status
from jobs.records import job_key
from jobs.request import JobRequest
from jobs.service import JobService
from jobs.settings import Settings
from jobs.tracing import TRACE_VARIABLE
from tests.aws_calls import Calls, Permission, permissions, recorded, upload_queue
from tests.conditions import under
from tests.contract.transport import LambdaContext, LambdaTransport
from tests.receiver import answering, receiving
from tests.scripted_engine import LOADER, script

TEMPLATE = under(Template.read(), {})
LEASE = timedelta(seconds=60)
TENANT = "acme"

#: What Lambda itself does in a function's name: logs, traces, and the reading of what invokes it.
LOGS_AND_TRACES = {"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTraceSegments", "xray:PutTelemetryRecords"}
READS_QUEUE = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
READS_STREAM = {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"}

#: What large results alone need: S3 may abort an upload in parts that broke off.
SELDOM = {Permission("s3:AbortMultipartUpload", f"Bucket/{kind}/*") for kind in ("checkpoints", "results")}


@pytest.fixture(scope="module")
def deployment(emulator_port: int) -> Deployment:
    return Deployer(emulator_port, {"RequireKeys": "true", "SubstitutePack": "mini"}).deploy(None)


@pytest.fixture(scope="module", autouse=True)
def environment(emulator_port: int, deployment: Deployment) -> Iterator[None]:
    """The deployed functions' environment, for those that run here."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**emulator.client_environment(emulator_port), **deployment.settings}.items():
            patch.setenv(name, value)
        _forget_connections()
        # The deployed ones stand still, so that nothing is done before the functions here come to it.
        lambda_ = client("lambda", emulator_port)
        for mapping in lambda_.list_event_source_mappings()["EventSourceMappings"]:
            lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        yield
    _forget_connections()


def _forget_connections() -> None:
    for cached in (connections.jobs, connections.keys, connections.rate_limits, notify.notifier):
        cached.cache_clear()


@pytest.fixture(scope="module")
def root(deployment: Deployment) -> JobService:
    """The job core that sets the scenes; its calls are nobody's."""
    return JobService.connect(Settings.from_environment(deployment.settings))


def submitted(root: JobService, text: str = "A text.", **request: Any) -> Job:
    return root.submit(JobRequest(model="mini", **request), text, TENANT)


def completed(root: JobService) -> Job:
    job, lease = root.store.claim(submitted(root), "worker", utc_now(), LEASE)
    root.documents.put(checkpoint_key(job.job_id, "f", "tokens"), b"state", "application/octet-stream")
    root.documents.put(result_key(job.job_id, lease.epoch), gzip.compress(b"{}"), "application/json", encoding="gzip")
    return root.store.publish(lease, Outcome(token_count=4, completed_at=utc_now(), processing_time_ms=1))


def records(*bodies: object) -> dict[str, Any]:
    """Return the event that a queue invokes its function with."""
    return {
        "Records": [
            {"messageId": str(index), "body": json.dumps(body), "eventSource": "aws:sqs", "attributes": {}}
            for index, body in enumerate(bodies)
        ]
    }


def stream(pk: str) -> dict[str, Any]:
    """Return the event that the table's stream invokes its functions with."""
    change = {"Keys": {"pk": {"S": pk}}, "SequenceNumber": "1"}
    return {"Records": [{"eventName": "REMOVE", "eventSource": "aws:dynamodb", "dynamodb": change}]}


def api(root: JobService, deployment: Deployment) -> None:
    key, secret = make_key(NewKey(name="ci", tenant=TENANT), utc_now())
    assert root.settings.keys_table is not None
    KeyStore(root.store.client, root.settings.keys_table).add(key)
    done, waiting, gone = completed(root), submitted(root, callback_url="https://example.com/a"), completed(root)
    running, _ = root.store.claim(submitted(root), "worker", utc_now(), LEASE)
    with httpx.Client(transport=LambdaTransport(), base_url="http://here", headers={"X-API-Key": secret}) as caller:
        for method, path, status in (
            ("GET", "/ready", 503),
            ("GET", "/metrics", 200),
            ("GET", "/v1/jobs", 200),
            ("GET", "/v1/jobs/stats", 200),
            ("GET", "/v1/jobs/latest?book_id=none", 404),
            ("GET", f"/v1/jobs/{waiting.job_id}", 200),
            ("POST", f"/v1/jobs/{running.job_id}/cancel", 202),
            ("DELETE", f"/v1/jobs/{waiting.job_id}", 200),
            ("GET", f"/v1/jobs/{waiting.job_id}", 200),
            ("POST", f"/v1/jobs/{waiting.job_id}/retry", 200),
            ("GET", f"/v1/jobs/{done.job_id}/result", 200),
            ("DELETE", f"/v1/jobs/{gone.job_id}/result", 204),
            ("GET", "/v1/webhooks/secret", 200),
            ("POST", "/v1/webhooks/secret/rotate", 200),
        ):
            assert caller.request(method, path).status_code == status, (method, path)
        assert caller.post("/v1/jobs", json={"text": "A.", "model": "mini"}).status_code == 200
        assert caller.post("/v1/uploads", json={"model": "mini"}).status_code == 200


def ingesting(root: JobService, deployment: Deployment) -> None:
    formed = form_key(TENANT, "11111111-1111-4111-8111-111111111111")
    for key, text in (("incoming/a.txt", b"A text."), ("incoming/b.txt", b"\xff"), (formed, b"A text.")):
        etag = root.documents.client.put_object(Bucket=root.documents.bucket, Key=key, Body=text)["ETag"].strip('"')
        detail: dict[str, Any] = {
            "bucket": {"name": root.documents.bucket},
            "object": {"key": key, "etag": etag, "sequencer": "1", "size": len(text)},
        }
        assert ingest.handler(records({"detail": detail}), LambdaContext()) == {"batchItemFailures": []}
    detail["object"] = {"key": "incoming/gone.txt", "etag": "0", "sequencer": "2", "size": 1}
    assert ingest.handler(records({"detail": detail}), LambdaContext()) == {"batchItemFailures": []}
    _find_no_place(root)


def _find_no_place(root: JobService) -> None:
    """Hand over the event of an upload as Lambda does, while the queue of jobs is full."""
    sqs, url = root.queue.client, upload_queue(root)
    sqs.purge_queue(QueueUrl=url)
    root.documents.client.put_object(Bucket=root.documents.bucket, Key="incoming/c.txt", Body=b"A text.")
    (event,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10, AttributeNames=["SentTimestamp"])["Messages"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    told = records(json.loads(event["Body"]))
    told["Records"][0] |= {
        "eventSourceARN": arn,
        "receiptHandle": event["ReceiptHandle"],
        "attributes": event["Attributes"],
    }
    full = connection.jobs().settings.model_copy(update={"max_queue_size": 0})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ingest, "jobs", lambda: replace(connection.jobs(), settings=full))
        patch.setattr(ingest, "TRY_AGAIN", 0)
        assert ingest.handler(told, LambdaContext()) == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    (again,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert again["MessageId"] == event["MessageId"]


def looking_after(root: JobService, deployment: Deployment) -> None:
    called_off, done = submitted(root, callback_url="https://example.com/a"), completed(root)
    root.store.claim(called_off, "gone", utc_now() - timedelta(hours=1), LEASE)
    root.store.request_cancel(called_off)
    submitted(root)
    root.store.cancel(submitted(root, callback_url="https://example.com/b"), utc_now())
    root.store.client.update_item(
        TableName=root.store.table,
        Key={"pk": {"S": "queue"}},
        UpdateExpression="ADD waiting :place",
        ExpressionAttributeValues={":place": {"SS": [done.place]}},
    )
    root.queue.client.purge_queue(QueueUrl=root.queue.url)
    later = replace(connection.jobs(), clock=lambda: utc_now() + timedelta(hours=2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(janitor, "jobs", lambda: later)
        janitor.handler({}, LambdaContext())


def burying(root: JobService, deployment: Deployment) -> None:
    untried, killer = submitted(root), submitted(root, callback_url="https://example.com/a")
    for _ in range(root.settings.max_attempts):
        killer, _ = root.store.claim(killer, "gone", utc_now(), timedelta(0))
    told = records({"job_id": untried.job_id}, {"job_id": killer.job_id})
    assert dead_letter.handler(told, LambdaContext()) == {"batchItemFailures": []}
    assert root.store.get(killer.job_id, utc_now()).status is Status.FAILED


def clearing_up(root: JobService, deployment: Deployment) -> None:
    job = completed(root)
    root.store.client.delete_item(TableName=root.store.table, Key=job_key(job.job_id))
    assert cleanup.handler(stream(f"job#{job.job_id}"), LambdaContext()) == {"batchItemFailures": []}


def announcing(root: JobService, deployment: Deployment) -> None:
    assert announce.handler(stream("callback#1"), LambdaContext()) == {"batchItemFailures": []}


def notifying(root: JobService, deployment: Deployment) -> None:
    with receiving() as receiver:
        receiver.answers = [answering(500), answering(200)]
        job = root.store.cancel(submitted(root, callback_url=receiver.url()), utc_now())
        told = records({"callback_id": id_of(job)})
        assert notify.handler(told, LambdaContext()) == {"batchItemFailures": []}


def working(root: JobService, deployment: Deployment, packs: Path) -> None:
    """Read a book to its end that was traced and called back for; fail another one twice."""
    (packs / "mini").mkdir()
    settings = WorkerSettings(
        **root.settings.model_copy(update={"max_failures": 2}).model_dump(),
        pack_dir=packs,
        dead_letter_queue_url=deployment.outputs["DeadLetterQueueUrl"],
    )
    root.queue.client.purge_queue(QueueUrl=root.queue.url)
    for job in filter(None, map(root.store.find, root.store.unfinished())):
        root.store.bury(job, "of no use here", utc_now() + timedelta(hours=1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TRACE_VARIABLE, "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
        read = submitted(root, script(), callback_url="https://example.com/a")
    failed = submitted(root, script(do="crash"))
    root.documents.put(result_key(read.job_id, 0), b"left behind", "application/json")
    engine = EngineProcess(LOADER, packs)
    consumer = Consumer(Connections.connect(settings), engine, Shutdown(), "worker")
    deadline = time.monotonic() + 60
    engine.start()
    try:
        consumer._sign.give()
        while not all(root.store.get(job.job_id, utc_now()).status.ended for job in (read, failed)):
            assert time.monotonic() < deadline
            consumer.consume_one()
        consumer.consume_one()
    finally:
        engine.kill()
        consumer._sign.end()


SCENES: Mapping[str, Callable[[JobService, Deployment], None]] = {
    "Api": api,
    "Ingest": ingesting,
    "Janitor": looking_after,
    "DeadLetter": burying,
    "Cleanup": clearing_up,
    "Announce": announcing,
    "Notify": notifying,
}


def lambdas_own(function: str) -> set[str]:
    """Return the actions that Lambda takes in the function's name."""
    own = set(LOGS_AND_TRACES)
    for name in TEMPLATE.of_type("AWS::Lambda::EventSourceMapping"):
        source = TEMPLATE.properties(name)
        if source["FunctionName"] == {"Ref": f"{function}Function"}:
            own |= READS_STREAM if source["EventSourceArn"]["Fn::GetAtt"][1] == "StreamArn" else READS_QUEUE
    return own


def check(calls: Calls, policy: Mapping[str, Any], done_by_aws: set[str]) -> None:
    """Hold what was called against what is allowed."""
    allowed = set(permissions(policy))
    missing = {call for call in calls.made if not any(permission.covers(call) for permission in allowed)}
    assert missing == set(), "not allowed"
    unused = {permission for permission in allowed if not any(map(permission.covers, calls.made))}
    assert {one for one in unused - SELDOM if one.action not in done_by_aws} == set(), "never used"


def test_every_function_has_its_scene() -> None:
    assert {f"{name}Function" for name in SCENES} == set(TEMPLATE.of_type("AWS::Lambda::Function"))


@pytest.mark.parametrize("function", SCENES)
def test_a_function_may_do_what_it_does_and_nothing_else(
    root: JobService, deployment: Deployment, function: str
) -> None:
    with recorded(deployment, root) as calls:
        SCENES[function](root, deployment)
    (policy,) = TEMPLATE.properties(f"{function}Role")["Policies"]
    check(calls, policy["PolicyDocument"], lambdas_own(function))


def test_the_worker_may_do_what_it_does_and_nothing_else(
    root: JobService, deployment: Deployment, tmp_path: Path
) -> None:
    with recorded(deployment, root) as calls:
        working(root, deployment, tmp_path)
    check(calls, TEMPLATE.properties("WorkerPolicy")["PolicyDocument"], set())
