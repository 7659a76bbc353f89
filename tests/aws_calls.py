"""What this process asks of AWS, told as IAM tells it: actions, and the template's resources that they are on."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from botocore.signers import RequestSigner, S3PostPresigner

from infra.local.deploy import STACK, Deployment
from jobs.service import JobService

#: The operations whose action is named otherwise, or that are allowed by other actions; of all others it is the name.
ACTIONS: Mapping[str, str] = {
    "HeadObject": "GetObject",
    "ListObjectsV2": "ListBucket",
    "HeadBucket": "ListBucket",
    "DeleteObjects": "DeleteObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
}

#: The action that each write of a transaction is allowed by.
IN_TRANSACTIONS: Mapping[str, str] = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}


@dataclass(frozen=True)
class Call:
    """One use of a permission: `s3:GetObject` on `Bucket/documents/1.txt`."""

    action: str
    resource: str


@dataclass(frozen=True)
class Calls:
    """The calls that were recorded."""

    #: The template's logical ids by the names that the deployment gave them.
    names: Mapping[str, str]
    made: set[Call] = field(default_factory=set)

    def note(self, service: str, operation: str, parameters: Mapping[str, Any]) -> None:
        """Take in one call of the SDK."""
        if operation == "TransactWriteItems":
            for write in parameters["TransactItems"]:
                ((kind, item),) = write.items()
                self._add("dynamodb", IN_TRANSACTIONS[kind], self.names[item["TableName"]])
        else:
            for resource in self._resources(service, parameters):
                self._add(service, ACTIONS.get(operation, operation), resource)

    def _resources(self, service: str, parameters: Mapping[str, Any]) -> list[str]:
        match service:
            case "dynamodb" if "RequestItems" in parameters:
                return [self.names[table] for table in parameters["RequestItems"]]
            case "dynamodb":
                table = self.names[parameters["TableName"]]
                return [f"{table}/index/{parameters['IndexName']}" if "IndexName" in parameters else table]
            case "s3":
                bucket = self.names[parameters["Bucket"]]
                keys = [found["Key"] for found in parameters.get("Delete", {}).get("Objects", [])]
                keys += [parameters["Key"]] if "Key" in parameters else []
                return [f"{bucket}/{key}" for key in keys] or [bucket]
            case "sqs":
                return [self.names[queue_name(parameters["QueueUrl"])]]
            case _:
                return ["*"]

    def note_signed(self, operation: str, url: str) -> None:
        """Take in a request to S3 that was signed for someone else to make."""
        bucket, _, key = unquote(urlsplit(url).path).lstrip("/").partition("/")
        self.note("s3", operation, {"Bucket": bucket, "Key": key})

    def _add(self, service: str, action: str, resource: str) -> None:
        self.made.add(Call(f"{service}:{action}", resource))


def queue_name(url: str) -> str:
    """Return a queue's name; one queue may have several URLs."""
    return url.rpartition("/")[2]


def upload_queue(bystander: JobService) -> str:
    """Return the URL of the queue of uploads, which no output tells."""
    (url,) = bystander.queue.client.list_queues(QueueNamePrefix=f"{STACK}-UploadQueue")["QueueUrls"]
    return url


def named(deployment: Deployment, bystander: JobService) -> dict[str, str]:
    """Return the logical ids of what calls name, by the names that the deployment gave them."""
    outputs = {
        "TableName": "JobsTable",
        "KeysTableName": "KeysTable",
        "BucketName": "Bucket",
        "QueueUrl": "JobsQueue",
        "DeadLetterQueueUrl": "DeadLetterQueue",
        "CallbackQueueUrl": "CallbackQueue",
    }
    names = {queue_name(deployment.outputs[output]): logical_id for output, logical_id in outputs.items()}
    return {**names, queue_name(upload_queue(bystander)): "UploadQueue"}


@contextmanager
def recorded(deployment: Deployment, bystander: JobService) -> Iterator[Calls]:
    """Record every call that this process makes or signs until the end of the block, but for the bystander's."""
    ignored = (bystander.store.client, bystander.documents.client, bystander.queue.client)
    calls = Calls(named(deployment, bystander))
    make, presign, presign_form = (
        BaseClient._make_api_call,  # type: ignore[attr-defined]  # not in its stub, being private
        RequestSigner.generate_presigned_url,
        S3PostPresigner.generate_presigned_post,
    )

    def note_and_make(client: Any, operation: str, parameters: Mapping[str, Any]) -> Any:
        if client in ignored:
            return make(client, operation, parameters)
        service = client.meta.service_model.service_name
        calls.note(service, operation, parameters)
        try:
            return make(client, operation, parameters)
        except ClientError as error:
            # S3 says that a key is missing to those alone who may list the bucket, and that it is forbidden to others.
            if service == "s3" and error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.NOT_FOUND:
                calls.note(service, "ListBucket", {"Bucket": parameters["Bucket"]})
            raise

    def note_and_presign(signer: Any, **arguments: Any) -> Any:
        calls.note_signed(arguments["operation_name"], arguments["request_dict"]["url"])
        return presign(signer, **arguments)

    def note_and_presign_form(presigner: Any, **arguments: Any) -> Any:
        calls.note_signed("PutObject", f"{arguments['request_dict']['url'].rstrip('/')}/{arguments['fields']['key']}")
        return presign_form(presigner, **arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", note_and_make)
        patch.setattr(RequestSigner, "generate_presigned_url", note_and_presign)
        patch.setattr(S3PostPresigner, "generate_presigned_post", note_and_presign_form)
        yield calls


@dataclass(frozen=True)
class Permission:
    """One action that a statement allows on one of its resources, `Bucket/documents/*`."""

    action: str
    resource: str

    def covers(self, call: Call) -> bool:
        """Whether IAM lets the call through by this permission."""
        pattern = re.escape(self.resource).replace(r"\*", ".*")
        return call.action == self.action and re.fullmatch(pattern, call.resource) is not None


def permissions(document: Mapping[str, Any]) -> Iterator[Permission]:
    """Yield each action on each resource of a policy's document, resources by their logical ids."""
    for statement in document["Statement"]:
        actions, resources = (_listed(statement[key]) for key in ("Action", "Resource"))
        yield from (Permission(action, _resource(resource)) for action in actions for resource in resources)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _resource(value: Any) -> str:
    match value:
        case {"Fn::GetAtt": [logical_id, "Arn"]}:
            return str(logical_id)
        case {"Fn::Sub": text}:
            return re.sub(r"\$\{(\w+)\.Arn\}", r"\1", text)
        case _:
            return str(value)
