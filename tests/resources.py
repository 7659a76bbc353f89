"""Fresh resources for a test, by the properties that `template.yaml` gives them: there is no second description."""

import json
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import boto3
import httpx

from infra.local import emulator
from infra.local.deploy import LOCAL_PARAMETERS
from infra.local.gaps import complete_bucket, complete_table
from infra.local.template import Template
from jobs.settings import Settings
from tests.conditions import under

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

TABLE, KEYS_TABLE, BUCKET, QUEUE, DEAD_LETTER_QUEUE = "JobsTable", "KeysTable", "Bucket", "JobsQueue", "DeadLetterQueue"
CALLBACK_QUEUE = "CallbackQueue"

#: What CloudFormation and the API spell alike.
TABLE_PROPERTIES = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")


def create_resources(**settings: Any) -> Settings:
    """Create the tables, a bucket and a queue of new names at the environment's AWS; return settings that name them.

    No keys are asked for but where the settings say so.
    """
    template, suffix = under(Template.read(), LOCAL_PARAMETERS), uuid.uuid4().hex[:12]
    session = boto3.Session()
    return Settings(
        table=_create_table(session.client("dynamodb"), f"jobs-{suffix}", template.properties(TABLE)),
        keys_table=_create_table(session.client("dynamodb"), f"keys-{suffix}", template.properties(KEYS_TABLE)),
        bucket=_create_bucket(session.client("s3"), f"books-{suffix}", template.properties(BUCKET)),
        queue_url=_create_queue(session.client("sqs"), suffix, template),
        callback_queue_url=_create_callback_queue(session.client("sqs"), suffix, template),
        **{"require_keys": False, **settings},
    )


def _create_table(client: "DynamoDBClient", name: str, properties: Mapping[str, Any]) -> str:
    stream: Any = {}
    if "StreamSpecification" in properties:
        stream = {"StreamSpecification": {"StreamEnabled": True, **properties["StreamSpecification"]}}
    client.create_table(
        TableName=name,
        SSESpecification={"Enabled": properties["SSESpecification"]["SSEEnabled"]},
        **{key: properties[key] for key in TABLE_PROPERTIES if key in properties},
        **stream,
    )
    client.get_waiter("table_exists").wait(TableName=name)
    # Without the removal of old records: the emulator goes by its own clock, to which the tests' time is long past.
    complete_table(client, name, {key: value for key, value in properties.items() if key != "TimeToLiveSpecification"})
    return name


def _create_bucket(client: "S3Client", name: str, properties: Mapping[str, Any]) -> str:
    client.create_bucket(Bucket=name, ObjectOwnership=properties["OwnershipControls"]["Rules"][0]["ObjectOwnership"])
    client.put_public_access_block(
        Bucket=name, PublicAccessBlockConfiguration=properties["PublicAccessBlockConfiguration"]
    )
    complete_bucket(client, name, properties)
    return name


def _create_queue(client: "SQSClient", suffix: str, template: Template) -> str:
    dead_letters = client.create_queue(
        QueueName=f"dead-{suffix}.fifo", Attributes=_queue_attributes(template.properties(DEAD_LETTER_QUEUE))
    )["QueueUrl"]
    arn = client.get_queue_attributes(QueueUrl=dead_letters, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    attributes = _queue_attributes(template.properties(QUEUE), arns={DEAD_LETTER_QUEUE: arn})
    return client.create_queue(QueueName=f"jobs-{suffix}.fifo", Attributes=attributes)["QueueUrl"]


def _create_callback_queue(client: "SQSClient", suffix: str, template: Template) -> str:
    properties = {name: value for name, value in template.properties(CALLBACK_QUEUE).items() if name != "RedrivePolicy"}
    return client.create_queue(QueueName=f"callbacks-{suffix}", Attributes=_queue_attributes(properties))["QueueUrl"]


def _queue_attributes(properties: Mapping[str, Any], arns: Mapping[str, str] | None = None) -> dict[Any, str]:
    attributes = {
        name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in properties.items()
    }
    if "RedrivePolicy" in properties:
        redrive = dict(properties["RedrivePolicy"])
        logical_id, _ = redrive["deadLetterTargetArn"]["Fn::GetAtt"]
        attributes["RedrivePolicy"] = json.dumps(redrive | {"deadLetterTargetArn": (arns or {})[logical_id]})
    return attributes


def forget_everything(port: int) -> None:
    """Empty the emulator: every resource, object and message in it is gone; raises httpx.HTTPError."""
    httpx.post(f"{emulator.url(port)}/_ministack/reset", trust_env=False).raise_for_status()
