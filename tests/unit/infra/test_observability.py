"""The alarms and the dashboard: what they read is really told by someone, and the runbook knows each of them."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import httpx
import pytest
from botocore.exceptions import BotoCoreError

from functions.api import connections, routes
from functions.dead_letter import handler as dead_letter
from functions.ingest import handler as ingest
from functions.janitor import handler as janitor
from functions.notify import handler as notify
from gpu_worker import metrics
from gpu_worker.logs import SERVICE
from gpu_worker.timeline import StageRun
from infra.local.template import PROJECT, Template
from jobs.callbacks.model import Callback
from jobs.callbacks.queue import CallbackDue
from jobs.errors import QueueFull
from jobs.model import Job, Status
from jobs.rate_limits import Allowance
from jobs.settings import Settings
from jobs.upkeep import DUTIES
from tests.conftest import SettableClock
from tests.contract.transport import LambdaContext, invoke, to_event

MAIN = Template.read()
TEMPLATE = Template.read(PROJECT / "infra" / "observability.yaml")
ALARMS = TEMPLATE.of_type("AWS::CloudWatch::Alarm")
RUNBOOK = (PROJECT / "docs" / "runbook.md").read_text()

#: The metrics of AWS's own that are read, each by the dimension that it has.
OF_AWS = {
    ("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName"),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName"),
    ("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", "QueueName"),
    ("AWS/ApiGateway", "Count", "ApiId"),
    ("AWS/ApiGateway", "4xx", "ApiId"),
    ("AWS/ApiGateway", "5xx", "ApiId"),
    ("AWS/ApiGateway", "Latency", "ApiId"),
    ("AWS/Lambda", "Invocations", "FunctionName"),
    ("AWS/Lambda", "Errors", "FunctionName"),
    ("AWS/Lambda", "Throttles", "FunctionName"),
    ("AWS/DynamoDB", "ReadThrottleEvents", "TableName"),
    ("AWS/DynamoDB", "WriteThrottleEvents", "TableName"),
}

#: How the templates name the deployment's own namespace.
OURS = ({"Ref": "MetricsNamespace"}, "${MetricsNamespace}")


@dataclass(frozen=True)
class Metric:
    """A metric as a template names it."""

    namespace: Any
    name: str
    dimensions: Mapping[str, Any]


def read_by(alarm: str) -> list[Metric]:
    properties = TEMPLATE.properties(alarm)
    queries = properties.get("Metrics", [])
    found = [query["MetricStat"]["Metric"] for query in queries if "MetricStat" in query] or [properties]
    return [
        Metric(metric["Namespace"], metric["MetricName"], {one["Name"]: one["Value"] for one in metric["Dimensions"]})
        for metric in found
    ]


def shown() -> Iterator[Metric]:
    for widget in json.loads(TEMPLATE.properties("Dashboard")["DashboardBody"]["Fn::Sub"])["widgets"]:
        for line in widget["properties"]["metrics"]:
            if isinstance(line[0], str):
                namespace, name, dimension, value = line[:4]
                yield Metric(namespace, name, {dimension: value})


def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[dict[str, Any]]:
    """What was told since the last look."""
    for line in capsys.readouterr().out.splitlines():
        if '"_aws"' in line:
            yield json.loads(line)


def fail_with(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def have_the_api_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (QueueFull(10), RuntimeError("broken")):
        monkeypatch.setattr(routes, "jobs", fail_with(error))
        invoke(to_event(httpx.Request("GET", "https://service/ready")))
    monkeypatch.setattr(connections, "keys", lambda: None)
    monkeypatch.setattr(connections, "jobs", lambda: Mock(settings=Settings(table="", bucket="", queue_url="")))
    empty = Allowance(granted=False, limit=1, remaining=0, reset=1, retry_after=1)
    for limits in (Mock(take=Mock(return_value=empty)), Mock(take=Mock(side_effect=BotoCoreError()))):
        monkeypatch.setattr(connections, "rate_limits", lambda limits=limits: limits)
        invoke(to_event(httpx.Request("GET", "https://service/v1/jobs")))


def have_the_janitor_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = {Status.PENDING: frozenset[str](), Status.RUNNING: frozenset[str]()}
    service = Mock(store=Mock(places=lambda: nothing), worker_heard=lambda: True)
    monkeypatch.setattr(janitor, "jobs", lambda: service)
    monkeypatch.setattr(janitor, "keep_up", lambda _: (dict.fromkeys(DUTIES, 0), []))
    janitor.handler({}, LambdaContext())


def have_dead_letters_speak() -> None:
    record = {"messageId": "1", "body": "no message of ours", "eventSource": "aws:sqs", "attributes": {}}
    dead_letter.handler({"Records": [record]}, LambdaContext())


def have_uploads_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "jobs", fail_with(BotoCoreError()))
    upload = {"bucket": {"name": "books"}, "object": {"key": "incoming/a.txt", "etag": "1"}}
    attributes = {"SentTimestamp": "0"}
    record = {"messageId": "1", "body": json.dumps({"detail": upload}), "attributes": attributes}
    ingest.handler({"Records": [record]}, LambdaContext())


def have_callbacks_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    callback = Callback.of(ended_job())
    assert callback is not None
    monkeypatch.setattr(notify, "notifier", lambda: Mock(deliver=lambda _: callback.refused("it answered 410")))
    body = CallbackDue(callback_id=callback.callback_id).model_dump_json()
    record = {"messageId": "1", "body": body, "eventSource": "aws:sqs", "attributes": {}}
    notify.handler({"Records": [record]}, LambdaContext())


def ended_job() -> Job:
    now = SettableClock().now
    return Job(
        job_id="job",
        tenant="public",
        status=Status.COMPLETED,
        submitted_at=now,
        document_key="documents/job.txt",
        characters=6,
        model="mini",
        pack="mini",
        pipeline=("entity",),
        attempt=1,
        token_count=6,
        processing_time_ms=3,
        completed_at=now,
        callback_url="https://receiver.example/",
    )


def have_the_worker_speak() -> None:
    now, job = SettableClock().now, ended_job()
    metrics.job_claimed(job, now)
    metrics.attempt_failed(job)
    metrics.stage_done(job, StageRun("tagging", now, now + timedelta(seconds=1)))
    metrics.job_ended(job)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> set[tuple[str, str]]:
    """Every metric of our own as its emitter really tells it, behind the service that it tells it as."""
    found: set[tuple[str, str]] = set()
    speakers: dict[str, Callable[[], None]] = {
        "bookjob-api": lambda: have_the_api_speak(monkeypatch),
        "bookjob-janitor": lambda: have_the_janitor_speak(monkeypatch),
        "bookjob-dead-letter": have_dead_letters_speak,
        "bookjob-ingest": lambda: have_uploads_speak(monkeypatch),
        "bookjob-notify": lambda: have_callbacks_speak(monkeypatch),
        SERVICE: have_the_worker_speak,
    }
    for service, speak in speakers.items():
        speak()
        for line in lines(capsys):
            directives = line["_aws"]["CloudWatchMetrics"]
            found |= {(service, metric["Name"]) for directive in directives for metric in directive["Metrics"]}
    return found


@pytest.mark.parametrize("metric", [metric for alarm in ALARMS for metric in read_by(alarm)] + list(shown()))
def test_what_is_read_is_told(metric: Metric, told: set[tuple[str, str]]) -> None:
    if metric.namespace in OURS:
        assert metric.dimensions.keys() == {"service"}
        assert (metric.dimensions["service"], metric.name) in told
    else:
        (dimension,) = metric.dimensions
        assert (metric.namespace, metric.name, dimension) in OF_AWS


def test_a_function_tells_its_metrics_as_the_service_that_the_alarms_ask_for() -> None:
    services = {
        MAIN.properties(function)["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
        for function in MAIN.of_type("AWS::Lambda::Function")
    }
    asked = {metric.dimensions["service"] for alarm in ALARMS for metric in read_by(alarm) if metric.namespace in OURS}
    assert asked <= services | {SERVICE}


def test_the_metrics_go_where_the_alarms_look() -> None:
    passed = MAIN.properties("ObservabilityStack")["Parameters"]["MetricsNamespace"]
    for function in MAIN.of_type("AWS::Lambda::Function"):
        assert MAIN.properties(function)["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"] == passed
    assert MAIN.properties("WorkerStack")["Parameters"]["MetricsNamespace"] == passed
    worker = Template.read(PROJECT / "infra" / "worker.yaml")
    tasks = [worker.properties(task) for task in worker.of_type("AWS::ECS::TaskDefinition")]
    environments = [container["Environment"] for task in tasks for container in task["ContainerDefinitions"]]
    batch = Template.read(PROJECT / "infra" / "batch.yaml")
    jobs = [batch.properties(job) for job in batch.of_type("AWS::Batch::JobDefinition")]
    environments += [job["ContainerProperties"]["Environment"] for job in jobs]
    assert len(environments) == len(tasks) + len(jobs) > 1
    for environment in environments:
        assert {"Name": "POWERTOOLS_METRICS_NAMESPACE", "Value": {"Ref": "MetricsNamespace"}} in environment


def test_what_is_received_again_and_again_is_noticed_though_sqs_leaves_it_out_of_the_age() -> None:
    age = "ApproximateAgeOfOldestMessage"
    assert {metric.name for metric in read_by("UploadsWait")} == {age, "UploadWaited"}
    assert age not in {metric.name for metric in read_by("DeadLettersStuck")}


def test_an_expression_asks_only_for_what_its_alarm_reads() -> None:
    functions = {"IF", "FILL", "MAX", "SUM", "METRICS"}
    for alarm in ALARMS:
        queries = TEMPLATE.properties(alarm).get("Metrics", [])
        ids = {query["Id"] for query in queries}
        for query in queries:
            names = set(re.findall(r"[A-Za-z_]\w*", query.get("Expression", "")))
            assert names - functions <= ids, alarm
        assert sum(query.get("ReturnData", True) for query in queries) == bool(queries)


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_tells_someone_and_says_where_to_read_on(alarm: str) -> None:
    properties = TEMPLATE.properties(alarm)
    assert properties["AlarmActions"] == [{"Ref": "AlarmTopic"}]
    assert f"See {alarm} in docs/runbook.md." in properties["AlarmDescription"]
    slug = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", alarm).lower()
    assert properties["AlarmName"] == {"Fn::Sub": f"${{Deployment}}-{slug}"}


def test_the_runbook_has_a_paragraph_for_each_alarm_and_for_no_other() -> None:
    written = re.findall(r"^### (\w+)$", RUNBOOK, re.MULTILINE)
    assert written == [*ALARMS, *TEMPLATE.of_type("AWS::Budgets::Budget")]


@pytest.mark.parametrize("alarm", ALARMS)
def test_a_paragraph_says_what_it_means_where_to_look_and_what_to_do(alarm: str) -> None:
    paragraph = RUNBOOK.split(f"### {alarm}\n")[1].split("\n### ")[0]
    assert [f"**{part}**" in paragraph for part in ("Means", "Look", "Do")] == [True, True, True]


def test_the_runbook_names_only_saved_queries_that_there_are() -> None:
    names = {
        TEMPLATE.properties(query)["Name"]["Fn::Sub"].removeprefix("${Deployment}/")
        for query in TEMPLATE.of_type("AWS::Logs::QueryDefinition")
    }
    assert set(re.findall(r"query \*([^*]+)\*", RUNBOOK)) == names


def test_every_function_is_watched() -> None:
    passed = MAIN.properties("ObservabilityStack")["Parameters"]
    functions = set(MAIN.of_type("AWS::Lambda::Function"))
    assert {name for name, value in passed.items() if value == {"Ref": name}} >= functions
    watched = {
        metric.dimensions["FunctionName"]["Ref"]
        for alarm in ALARMS
        for metric in read_by(alarm)
        if "FunctionName" in metric.dimensions
    }
    assert watched == functions


def test_the_errors_of_every_function_are_found_by_one_query() -> None:
    logs = {
        MAIN.properties(function)["LoggingConfig"]["LogGroup"]["Ref"]
        for function in MAIN.of_type("AWS::Lambda::Function")
    }
    passed = MAIN.properties("ObservabilityStack")["Parameters"]
    asked = {group["Ref"] for group in TEMPLATE.properties("ErrorQuery")["LogGroupNames"] if "Ref" in group}
    assert asked == logs
    assert all(passed[log] == {"Ref": log} for log in logs)


def test_the_stack_gets_each_parameter_that_it_asks_for_and_no_other() -> None:
    passed = MAIN.properties("ObservabilityStack")["Parameters"].keys()
    asked = TEMPLATE.body["Parameters"]
    assert passed <= asked.keys()
    assert {name for name, parameter in asked.items() if "Default" not in parameter} <= passed


def test_the_topic_is_encrypted_by_a_key_that_alarms_and_budgets_may_use() -> None:
    assert TEMPLATE.properties("AlarmTopic")["KmsMasterKeyId"] == {"Fn::GetAtt": ["TopicKey", "Arn"]}
    for policy in (
        TEMPLATE.properties("TopicKey")["KeyPolicy"],
        TEMPLATE.properties("AlarmTopicPolicy")["PolicyDocument"],
    ):
        (statement,) = [one for one in policy["Statement"] if one["Sid"] == "LetAlarmsAndBudgetsTell"]
        assert statement["Principal"] == {"Service": ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"]}
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_the_queries_ask_for_words_that_the_log_has() -> None:
    consumer = Path(PROJECT / "gpu_worker" / "consumer.py").read_text()
    (sought,) = re.findall(r'message = "([^"]+)"', TEMPLATE.properties("FailureQuery")["QueryString"])
    assert f'"{sought}", reason=reason' in consumer
    fields = set(re.findall(r'"\w+"', TEMPLATE.properties("JobQuery")["QueryString"]))
    assert fields == set()
    reported = 'type = "platform.report" and record.status != "success"'  # as Lambda writes it where it logs JSON
    assert reported in TEMPLATE.properties("ErrorQuery")["QueryString"]
    formats = {MAIN.properties(name)["LoggingConfig"]["LogFormat"] for name in MAIN.of_type("AWS::Lambda::Function")}
    assert formats == {"JSON"}
