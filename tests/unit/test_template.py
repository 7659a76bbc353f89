"""What the cloud template promises, read from the file itself."""

import json
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from annotated_types import Ge, Le
from pydantic import ValidationError

from bookjob.book import MAX_CHARACTERS
from functions.api.caller import KEY_HEADER
from functions.api.documentation import HEADERS
from functions.api.models import Submission
from functions.api.routes import api
from infra.local.template import Template
from jobs.callbacks.outbox import PREFIX as CALLBACKS
from jobs.callbacks.secrets import PREFIX as SECRETS
from jobs.settings import PREFIX, Settings
from tests.conditions import under

#: As it is deployed where nobody changes a parameter, and where the owner has a key of its own.
TEMPLATE = under(Template.read(), {})
WITH_KEY = under(Template.read(), {"KmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/1"})
RESOURCES: Mapping[str, Any] = TEMPLATE.body["Resources"]

#: Seconds.
DAY = 86_400

#: The largest template that CloudFormation takes from a bucket, in bytes; `sam deploy` puts it there.
LIMIT = 1_000_000


def statements(resource_type: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every statement of the policies of one type, with the logical id it belongs to."""
    for name in TEMPLATE.of_type(resource_type):
        properties = TEMPLATE.properties(name)
        inline = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        documents = [properties["PolicyDocument"]] if "PolicyDocument" in properties else inline
        for document in documents:
            for statement in document["Statement"]:
                yield name, statement


ALLOWED = [*statements("AWS::IAM::Role"), *statements("AWS::IAM::ManagedPolicy")]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def environment(function: str = "ApiFunction") -> Mapping[str, Any]:
    variables: Mapping[str, Any] = TEMPLATE.properties(function)["Environment"]["Variables"]
    return {name: value for name, value in variables.items() if name.startswith(PREFIX)}


@pytest.mark.parametrize("function", TEMPLATE.of_type("AWS::Lambda::Function"))
def test_a_function_gets_every_setting_and_none_that_there_is_not(function: str) -> None:
    assert {name.removeprefix(PREFIX).lower() for name in environment(function)} == set(Settings.model_fields)
    assert environment(function) == environment()


@pytest.mark.parametrize("function", TEMPLATE.of_type("AWS::Lambda::Function"))
def test_a_function_has_a_handler_that_there_is_and_is_built_without_the_worker(function: str) -> None:
    module, _, name = TEMPLATE.properties(function)["Handler"].rpartition(".")
    assert callable(getattr(import_module(module), name))
    assert RESOURCES[function]["Metadata"]["BuildMethod"] == "makefile"


@pytest.mark.parametrize(
    ("setting", "parameter"),
    [
        ("max_queue_size", "MaxQueueSize"),
        ("max_document_size", "MaxDocumentSize"),
        ("job_ttl_seconds", "JobTtlSeconds"),
        ("lease_seconds", "LeaseSeconds"),
        ("max_failures", "MaxFailures"),
        ("max_attempts", "MaxAttempts"),
        ("submissions_per_minute", "SubmissionsPerMinute"),
        ("requests_per_minute", "RequestsPerMinute"),
    ],
)
def test_a_parameter_is_by_default_what_the_setting_is(setting: str, parameter: str) -> None:
    assert environment()[PREFIX + setting.upper()] == {"Ref": parameter}
    assert TEMPLATE.body["Parameters"][parameter]["Default"] == Settings.model_fields[setting].default


@pytest.mark.parametrize(
    ("setting", "parameter"),
    [
        ("max_queue_size", "MaxQueueSize"),
        ("max_document_size", "MaxDocumentSize"),
        ("job_ttl_seconds", "JobTtlSeconds"),
        ("lease_seconds", "LeaseSeconds"),
        ("worker_concurrency", "WorkerConcurrency"),
    ],
)
def test_a_parameter_has_the_bounds_of_the_setting(setting: str, parameter: str) -> None:
    bounds = TEMPLATE.body["Parameters"][parameter]
    assert Settings.model_fields[setting].metadata == [Ge(bounds["MinValue"]), Le(bounds["MaxValue"])]


def test_no_deployment_reads_a_longer_text_than_the_client_hands_in_and_the_contract_names() -> None:
    assert TEMPLATE.body["Parameters"]["MaxDocumentSize"]["MaxValue"] == MAX_CHARACTERS
    assert f"1 to {MAX_CHARACTERS:,} characters" in (Submission.model_fields["text"].description or "")


def test_keys_are_asked_for_unless_a_deployment_is_told_otherwise() -> None:
    assert environment()["BOOKJOB_REQUIRE_KEYS"] == {"Ref": "RequireKeys"}
    assert TEMPLATE.body["Parameters"]["RequireKeys"]["Default"] == "true"
    assert Settings.model_fields["require_keys"].default is True


def test_no_role_but_the_apis_reaches_the_keys_and_it_can_make_none() -> None:
    reaching = {
        (name, action)
        for name, statement in ALLOWED
        for action in as_list(statement["Action"])
        if "KeysTable" in json.dumps(statement["Resource"])
    }
    assert reaching == {("ApiRole", "dynamodb:GetItem"), ("ApiRole", "dynamodb:UpdateItem")}


def test_the_api_may_write_of_a_key_that_it_was_used_and_nothing_else() -> None:
    # IAM on AWS reads an update's attributes; the emulator's does not.
    (update,) = [one for _, one in ALLOWED if one.get("Sid") == "NoteThatKeysAreUsed"]
    assert as_list(update["Action"]) == ["dynamodb:UpdateItem"]
    assert update["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:Attributes": ["key_id", "last_used_at"]}}


def test_a_message_is_hidden_as_long_as_a_lease_lasts() -> None:
    assert TEMPLATE.properties("JobsQueue")["VisibilityTimeout"] == Settings.model_fields["lease_seconds"].default


def test_a_message_that_no_worker_survives_ends_in_a_dead_letter_queue_of_the_same_kind() -> None:
    redrive = TEMPLATE.properties("JobsQueue")["RedrivePolicy"]
    assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}
    assert redrive["maxReceiveCount"] > Settings.model_fields["max_failures"].default
    assert TEMPLATE.properties("JobsQueue")["FifoQueue"] is TEMPLATE.properties("DeadLetterQueue")["FifoQueue"] is True


def test_the_records_are_purged_by_the_attribute_that_the_store_writes() -> None:
    ttl = TEMPLATE.properties("JobsTable")["TimeToLiveSpecification"]
    assert ttl == {"AttributeName": "purge_at", "Enabled": True}


@pytest.mark.parametrize("queue", TEMPLATE.of_type("AWS::SQS::Queue"))
def test_messages_are_encrypted(queue: str) -> None:
    assert TEMPLATE.properties(queue)["SqsManagedSseEnabled"] is True
    assert "KmsMasterKeyId" not in TEMPLATE.properties(queue)


def test_a_key_of_the_owners_encrypts_all_that_is_kept() -> None:
    key = {"Ref": "KmsKeyArn"}
    for name, resource in WITH_KEY.body["Resources"].items():
        properties = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::SQS::Queue":
                assert (properties["KmsMasterKeyId"], properties["SqsManagedSseEnabled"]) == (key, False), name
            case "AWS::DynamoDB::Table":
                assert properties["SSESpecification"]["KMSMasterKeyId"] == key, name
            case "AWS::Logs::LogGroup":
                assert properties["KmsKeyId"] == key, name
            case "AWS::S3::Bucket":
                (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
                assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == key, name


def test_whoever_works_with_what_the_owners_key_encrypts_may_use_it() -> None:
    allowed = {role["Ref"] for role in WITH_KEY.properties("KeyPolicy")["Roles"]}
    assert allowed == set(TEMPLATE.of_type("AWS::IAM::Role"))


def test_every_parameter_stands_in_one_group_of_the_console() -> None:
    groups = TEMPLATE.body["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    assert sorted(grouped) == sorted(TEMPLATE.body["Parameters"])


@pytest.mark.parametrize("table", TEMPLATE.of_type("AWS::DynamoDB::Table"))
def test_a_table_can_be_deleted_in_development_alone(table: str) -> None:
    assert TEMPLATE.properties(table)["DeletionProtectionEnabled"] is True
    assert under(Template.read(), {"Stage": "dev"}).properties(table)["DeletionProtectionEnabled"] is False


def test_nothing_in_the_bucket_can_be_made_public() -> None:
    assert set(TEMPLATE.properties("Bucket")["PublicAccessBlockConfiguration"].values()) == {True}


@pytest.mark.parametrize("policy", ["BucketPolicy", "QueuePolicy", "DeadLetterQueuePolicy", "CallbackQueuePolicy"])
def test_what_is_stored_or_queued_travels_over_tls_alone(policy: str) -> None:
    (statement,) = TEMPLATE.properties(policy)["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_everything_that_is_kept_in_the_bucket_ends_some_day() -> None:
    rules = TEMPLATE.properties("Bucket")["LifecycleConfiguration"]["Rules"]
    expiring = {rule["Prefix"] for rule in rules if "ExpirationInDays" in rule}
    assert expiring == {"incoming/", "documents/", "checkpoints/", "results/"}


def test_nothing_is_deleted_while_it_may_be_needed_still() -> None:
    """What waits in the bucket outlives the longest wait, and what is kept there the longest time it is kept for."""
    rules = TEMPLATE.properties("Bucket")["LifecycleConfiguration"]["Rules"]
    days = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule}
    assert days.pop("incoming/") * DAY > TEMPLATE.properties("UploadQueue")["MessageRetentionPeriod"]
    ttl = TEMPLATE.body["Parameters"]["JobTtlSeconds"]
    assert min(days.values()) * DAY >= 4 * ttl["MaxValue"]
    for beyond in (ttl["MinValue"] - 1, ttl["MaxValue"] + 1):
        with pytest.raises(ValidationError, match="job_ttl_seconds"):
            Settings(table="t", bucket="b", queue_url="q", job_ttl_seconds=beyond)


@pytest.mark.parametrize(("name", "statement"), ALLOWED, ids=[f"{n}-{s.get('Sid')}" for n, s in ALLOWED])
def test_a_permission_names_its_actions_and_its_resource(name: str, statement: Mapping[str, Any]) -> None:
    assert not [action for action in as_list(statement["Action"]) if "*" in action]
    traces = all(action.startswith("xray:") for action in as_list(statement["Action"]))
    assert traces or "*" not in as_list(statement["Resource"])


def test_whoever_speaks_to_strangers_reads_callbacks_and_their_secrets_and_no_job() -> None:
    """The emulator enforces no condition on keys, so this is looked at here."""
    (on_table,) = [found for name, found in ALLOWED if name == "NotifyRole" and "dynamodb:GetItem" in found["Action"]]
    keys = on_table["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    assert keys == [f"{CALLBACKS}*", f"{SECRETS}*"]


@pytest.mark.parametrize("group", TEMPLATE.of_type("AWS::Logs::LogGroup"))
def test_logs_are_not_kept_for_ever(group: str) -> None:
    assert TEMPLATE.properties(group)["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_an_access_log_line_is_json() -> None:
    assert json.loads(TEMPLATE.properties("ApiStage")["AccessLogSettings"]["Format"])["status"] == "$context.status"


@pytest.mark.parametrize("name", [*TEMPLATE.of_type("AWS::DynamoDB::Table"), *TEMPLATE.of_type("AWS::S3::Bucket")])
def test_what_holds_jobs_is_not_deleted_with_the_stack(name: str) -> None:
    assert RESOURCES[name]["DeletionPolicy"] in ("Retain", "RetainExceptOnCreate")
    assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain"


def test_a_creation_that_goes_back_does_not_try_to_delete_what_refuses_to_be() -> None:
    protected = {name for name in RESOURCES if TEMPLATE.properties(name).get("DeletionProtectionEnabled")}
    assert protected == set(TEMPLATE.of_type("AWS::DynamoDB::Table"))
    assert {RESOURCES[name]["DeletionPolicy"] for name in protected} == {"Retain"}


def test_the_template_is_within_cloudformations_limit() -> None:
    assert len(json.dumps(Template.read().body, default=str)) < LIMIT


def test_web_pages_may_use_all_that_the_api_reads_and_tells_where_they_are_allowed() -> None:
    rules = under(Template.read(), {"AllowedOrigins": "https://books.example"}).properties("Api")["CorsConfiguration"]
    assert rules["AllowOrigins"] == {"Fn::Split": [",", {"Ref": "AllowedOrigins"}]}
    assert {row.method for row in api.table} <= set(rules["AllowMethods"])
    read = {name.lower() for row in api.table for name in row.headers} | {KEY_HEADER.lower(), "content-type"}
    assert read <= set(rules["AllowHeaders"])
    told = {name.lower() for headers in HEADERS.values() for name in headers} - {"www-authenticate"}
    assert told | {"preference-applied", "x-request-id"} == set(rules["ExposeHeaders"])


@pytest.mark.parametrize("resource", ["Api", "Bucket"])
def test_by_default_no_web_page_may(resource: str) -> None:
    assert "CorsConfiguration" not in under(Template.read(), {}).properties(resource)


@pytest.mark.parametrize(
    ("parameter", "taken", "refused"),
    [
        (
            "AllowedOrigins",
            ["", "*", "https://books.example", "https://books.example,http://localhost:3000"],
            ["https://books.example/", "https://books.example, https://other.example", "books.example"],
        ),
        ("AlarmEmail", ["", "ops@books.example"], ["ops", "ops@books.example, me@books.example"]),
    ],
)
def test_a_value_that_aws_would_take_wrongly_is_refused_before_anything_is_made(
    parameter: str, taken: list[str], refused: list[str]
) -> None:
    pattern = re.compile(TEMPLATE.body["Parameters"][parameter]["AllowedPattern"])
    assert [value for value in [*taken, *refused] if pattern.fullmatch(value)] == taken


def test_the_page_on_the_cloud_knows_every_parameter_and_its_default() -> None:
    page = Path("docs/cloud.md").read_text(encoding="utf-8")
    for name, parameter in TEMPLATE.body["Parameters"].items():
        default = f"`{parameter['Default']}`" if parameter["Default"] != "" else "empty"
        assert f"| `{name}` | {default} | {parameter['Description']}" in page, name
