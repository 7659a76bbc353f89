"""Deploying `template.yaml` to the emulator by CloudFormation, as it would be deployed to AWS."""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError, WaiterError
from pydantic import BaseModel, ConfigDict

from infra.local import emulator
from infra.local.clients import client
from infra.local.errors import DeployFailed, StateDamaged
from infra.local.gaps import complete_bucket, complete_table
from infra.local.package import digest, package
from infra.local.template import Template

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

STACK = "bookjob"
CODE_BUCKET = "bookjob-code"

#: What the local stack deploys with that a cloud would not: a dead worker's job is taken up again sooner, and since
#: nobody but this machine can ask, no keys are asked for, callbacks may come back to it, and no limit is ever in its
#: way; nobody is there to read traces or to be alarmed.
LOCAL_PARAMETERS = {
    "LeaseSeconds": "15",
    "RequireKeys": "false",
    "LoopbackCallbacks": "true",
    "SubmissionsPerMinute": "6000",
    "RequestsPerMinute": "60000",
    "Tracing": "PassThrough",
    "Observability": "Off",
    "Stage": "dev",
    "WorkerCompute": "None",
}

#: How many characters a message of CloudFormation's may have before its middle is left out.
MOST_SAID = 400

#: The template's tables, by the outputs that name them.
TABLES = {"TableName": "JobsTable", "KeysTableName": "KeysTable"}


class Deployment(BaseModel):
    """What is deployed: the template's outputs, and from which code and parameters it was made."""

    model_config = ConfigDict(frozen=True)

    fingerprint: str
    outputs: Mapping[str, str]
    #: The settings of the deployed function, which are the worker's too.
    settings: Mapping[str, str]

    @property
    def port(self) -> int | None:
        """The port of the emulator when its queues were made, which their addresses name for good."""
        return urlsplit(self.outputs["QueueUrl"]).port


@dataclass(frozen=True)
class Deployer:
    """CloudFormation and the services beside it, at the emulator on a port."""

    port: int
    parameters: Mapping[str, str]
    template: Template = field(default_factory=Template.read)

    def deploy(self, standing: Deployment | None) -> Deployment:
        """Deploy what differs from `standing` and return what is deployed then.

        Raises DeployFailed, or StateDamaged when something of what stood is not there any more.
        """
        code = package()
        parameters = LOCAL_PARAMETERS | dict(self.parameters)
        fingerprint = digest(json.dumps([self.template.body, parameters], sort_keys=True, default=str).encode(), code)
        if standing is None or standing.fingerprint != fingerprint:
            self._run_cloudformation(_with_code(self.template, self._upload(code, "zip")), parameters)
        return self._inspect(fingerprint)

    def _upload(self, content: bytes, suffix: str) -> Mapping[str, str]:
        place = {"S3Bucket": CODE_BUCKET, "S3Key": f"{digest(content)}.{suffix}"}
        s3 = client("s3", self.port)
        s3.create_bucket(Bucket=CODE_BUCKET)
        s3.put_object(Bucket=CODE_BUCKET, Key=place["S3Key"], Body=content)
        return place

    def _upload_template(self, body: Mapping[str, Any]) -> str:
        """Return where the template lies: in a request itself it may have 50 KiB, in a bucket 1 MB."""
        place = self._upload(json.dumps(body, default=str).encode(), "json")
        return f"{emulator.url(self.port)}/{place['S3Bucket']}/{place['S3Key']}"

    def _run_cloudformation(self, body: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        cloudformation = client("cloudformation", self.port)
        arguments = {
            "StackName": STACK,
            "TemplateURL": self._upload_template(body),
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            "Capabilities": ["CAPABILITY_IAM"],
        }
        try:
            if _exists(cloudformation):
                cloudformation.update_stack(**arguments)
                waiter = "stack_update_complete"
            else:
                cloudformation.create_stack(**arguments)
                waiter = "stack_create_complete"
            cloudformation.get_waiter(waiter).wait(StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        except (BotoCoreError, ClientError, WaiterError) as error:
            raise DeployFailed(f"The template was not deployed: {reason(cloudformation, error)}") from error

    def _inspect(self, fingerprint: str) -> Deployment:
        """Return what stands, complete what CloudFormation left out, and make sure that it is all there."""
        try:
            stack = client("cloudformation", self.port).describe_stacks(StackName=STACK)["Stacks"][0]
            outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
            for output, table in TABLES.items():
                complete_table(client("dynamodb", self.port), outputs[output], self.template.properties(table))
            complete_bucket(client("s3", self.port), outputs["BucketName"], self.template.properties("Bucket"))
            client("sqs", self.port).get_queue_attributes(QueueUrl=outputs["QueueUrl"], AttributeNames=["QueueArn"])
            client("apigatewayv2", self.port).get_api(ApiId=outputs["ApiId"])
            function = client("lambda", self.port).get_function_configuration(FunctionName=outputs["ApiFunctionName"])
        except (ClientError, KeyError) as error:
            raise StateDamaged(f"what the emulator kept is not all there: {error}") from error
        variables: Mapping[str, str] = function["Environment"]["Variables"]
        settings = {name: value for name, value in variables.items() if name.startswith("BOOKJOB_")}
        return Deployment(fingerprint=fingerprint, outputs=outputs, settings=settings)


def _with_code(template: Template, place: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the template with the uploaded archive where its functions name a local folder."""
    body = copy.deepcopy(dict(template.body))
    for function in template.of_type("AWS::Lambda::Function"):
        body["Resources"][function]["Properties"]["Code"] = dict(place)
    return body


def _exists(cloudformation: "CloudFormationClient") -> bool:
    try:
        cloudformation.describe_stacks(StackName=STACK)
    except ClientError:
        return False
    return True


def reason(cloudformation: "CloudFormationClient", error: BotoCoreError | ClientError) -> str:
    """Return why CloudFormation did not do it, in a line that can be read.

    Of a request that it took and then failed at, that is the first failure of the stack's events since, which the later
    ones follow from. A refusal speaks for itself, but may repeat what it refuses, a whole template.
    """
    told = _first_failure(cloudformation) if isinstance(error, WaiterError) else None
    return _shortened(told or str(error))


def _first_failure(cloudformation: "CloudFormationClient") -> str | None:
    try:
        events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
    except ClientError:
        return None
    since = takewhile(lambda event: event.get("ResourceStatusReason") != "User Initiated", events)  # the newest first
    failures = [
        f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
        for event in since
        if event["ResourceStatus"].endswith("_FAILED") and "ResourceStatusReason" in event
    ]
    return failures[-1] if failures else None


def _shortened(message: str) -> str:
    """Return the message, or its beginning and its end, where a refusal names the constraint."""
    return message if len(message) <= MOST_SAID else f"{message[: MOST_SAID // 2]} … {message[-MOST_SAID // 2 :]}"
