"""Each resource of a deployed template, read back by its own API: it is as the template says, but for known gaps.

A gap is a property that the emulator's CloudFormation takes and drops without a word. What hangs on it is not shown by
any test against the emulator; what AWS makes of it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import pytest

from infra.local import deploy
from infra.local.clients import client
from infra.local.deploy import LOCAL_PARAMETERS, STACK, Deployer
from infra.local.template import Template
from tests.conditions import under
from tests.read_back import ReadBack
from tests.resources import forget_everything
from tests.standing import Standing

#: What a cloud has and the local stack does without, so that as much as can be is asked for.
PARAMETERS = {"AllowedOrigins": "https://books.example", "Stage": "prod", "Tracing": "Active"}
KEY = {"KmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555"}

#: Dropped, and set by `infra.local.gaps` from the same template.
COMPLETED = {
    "AWS::DynamoDB::Table.TimeToLiveSpecification.AttributeName": "Records would never be removed.",
    "AWS::DynamoDB::Table.TimeToLiveSpecification.Enabled": "Records would never be removed.",
    "AWS::DynamoDB::Table.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled": "No table could be had back.",
    "AWS::S3::Bucket.LifecycleConfiguration": "Forgotten uploads and leavings would stay for ever.",
}

#: Dropped for good: nothing on one machine hangs on it.
DROPPED = {
    "AWS::DynamoDB::Table.SSESpecification.SSEEnabled": "The emulator keeps tables in its memory, unencrypted.",
    "AWS::DynamoDB::Table.SSESpecification.SSEType": "The emulator keeps tables in its memory, unencrypted.",
    "AWS::DynamoDB::Table.SSESpecification.KMSMasterKeyId": "The emulator keeps tables in its memory, unencrypted.",
    "AWS::S3::Bucket.BucketEncryption.ServerSideEncryptionConfiguration": "Every bucket tells of AES256 and no key.",
    "AWS::ApiGatewayV2::Api.CorsConfiguration.AllowOrigins": "It is kept under names that the API does not read.",
    "AWS::ApiGatewayV2::Api.CorsConfiguration.AllowMethods": "It is kept under names that the API does not read.",
    "AWS::ApiGatewayV2::Api.CorsConfiguration.AllowHeaders": "It is kept under names that the API does not read.",
    "AWS::ApiGatewayV2::Api.CorsConfiguration.ExposeHeaders": "It is kept under names that the API does not read.",
    "AWS::ApiGatewayV2::Api.CorsConfiguration.MaxAge": "It is kept under names that the API does not read.",
    "AWS::ApiGatewayV2::Stage.DefaultRouteSettings.ThrottlingRateLimit": "The emulated gateway throttles nobody.",
    "AWS::ApiGatewayV2::Stage.DefaultRouteSettings.ThrottlingBurstLimit": "The emulated gateway throttles nobody.",
    "AWS::ApiGatewayV2::Stage.DefaultRouteSettings.DetailedMetricsEnabled": "The emulated gateway counts nothing.",
}


@dataclass(frozen=True)
class Findings:
    """What was found to differ from the template in deployments with and without a key of the owner's."""

    #: When CloudFormation was done.
    created: set[str]
    #: When what it left out was set too.
    deployed: set[str]


def read_back(port: int, parameters: Mapping[str, str]) -> ReadBack:
    """Return the stack that stands, beside the template under these parameters."""
    told = client("cloudformation", port).describe_stack_resources(StackName=STACK)["StackResources"]
    ids = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in told}
    everything = {**LOCAL_PARAMETERS, **parameters}
    standing = Standing(cache(lambda service: client(service, port)))
    return ReadBack(under(Template.read(), everything), everything, ids, standing)


@pytest.fixture(scope="module")
def findings(emulator_port: int) -> Findings:
    created: set[str] = set()
    deployed: set[str] = set()
    for parameters in (PARAMETERS, PARAMETERS | KEY):
        forget_everything(emulator_port)
        deployer = Deployer(emulator_port, parameters)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(deploy, "complete_table", lambda *_: None)
            patch.setattr(deploy, "complete_bucket", lambda *_: None)
            deployment = deployer.deploy(None)
        reading = read_back(emulator_port, parameters)
        created |= reading.dropped()
        deployer.deploy(deployment)
        deployed |= reading.dropped()
    return Findings(created, deployed)


def test_the_emulators_cloudformation_drops_what_is_listed_and_nothing_else(findings: Findings) -> None:
    assert findings.created == COMPLETED.keys() | DROPPED.keys()


def test_a_deployment_completes_what_the_local_stack_needs_of_it(findings: Findings) -> None:
    assert findings.deployed == DROPPED.keys()


def test_a_resource_that_is_not_as_the_template_says_is_found(emulator_port: int, findings: Findings) -> None:
    reading = read_back(emulator_port, PARAMETERS | KEY)
    functions, queues = client("lambda", emulator_port), client("sqs", emulator_port)
    functions.update_function_configuration(FunctionName=reading.ids["ApiFunction"], Timeout=3)
    functions.update_event_source_mapping(UUID=reading.ids["IngestSource"], BatchSize=7)
    queues.set_queue_attributes(QueueUrl=reading.ids["CallbackQueue"], Attributes={"RedrivePolicy": ""})
    client("s3", emulator_port).delete_public_access_block(Bucket=reading.ids["Bucket"])
    assert reading.dropped() - findings.deployed == {
        "AWS::Lambda::Function.Timeout",
        "AWS::Lambda::EventSourceMapping.BatchSize",
        "AWS::SQS::Queue.RedrivePolicy",
        "AWS::S3::Bucket.PublicAccessBlockConfiguration",
    }
