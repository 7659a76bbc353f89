"""The template deployed by CloudFormation to the emulator: all of it is there, also what the emulator leaves out."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from infra.local import emulator
from infra.local.clients import client
from infra.local.deploy import LOCAL_PARAMETERS, STACK, Deployer, Deployment
from infra.local.errors import StateDamaged
from infra.local.template import Template
from tests.conditions import under
from tests.resources import forget_everything

TEMPLATE = under(Template.read(), LOCAL_PARAMETERS)


@pytest.fixture(scope="module")
def deployer(emulator_port: int) -> Deployer:
    return Deployer(emulator_port, {"SubstitutePack": "mini"})


@pytest.fixture(scope="module")
def deployed(deployer: Deployer) -> Deployment:
    return deployer.deploy(None)


@pytest.fixture
def deployed_elsewhere(emulator_port: int, deployed: Deployment) -> Iterator[Deployment]:
    """A deployment that the test may spoil."""
    yield deployed
    forget_everything(emulator_port)


def url(deployer: Deployer, deployed: Deployment, path: str) -> str:
    return f"{emulator.url(deployer.port)}/_aws/execute-api/{deployed.outputs['ApiId']}/$default{path}"


def test_every_resource_is_there_but_the_stacks_of_a_cloud(deployer: Deployer, deployed: Deployment) -> None:
    found = client("cloudformation", deployer.port).describe_stack_resources(StackName=STACK)["StackResources"]
    resources = TEMPLATE.body["Resources"].items()
    expected = {name for name, resource in resources if resource["Type"] != "AWS::CloudFormation::Stack"}
    assert {resource["LogicalResourceId"] for resource in found} == expected
    assert {resource["ResourceStatus"] for resource in found} == {"CREATE_COMPLETE"}


def test_the_function_answers_behind_the_api_and_stores_a_job(deployer: Deployer, deployed: Deployment) -> None:
    answer = httpx.post(url(deployer, deployed, "/v1/jobs"), json={"text": "Call me Ishmael."}, timeout=30)
    assert answer.status_code == 200, answer.text
    job = httpx.get(url(deployer, deployed, f"/v1/jobs/{answer.json()['job_id']}"), timeout=30).json()
    assert (job["status"], job["queue_position"], job["pack"]) == ("pending", 1, "mini")


def test_the_tables_ttl_streams_and_recovery_are_those_of_the_template(
    deployer: Deployer, deployed: Deployment
) -> None:
    dynamodb, table = client("dynamodb", deployer.port), deployed.outputs["TableName"]
    properties = TEMPLATE.properties("JobsTable")
    ttl = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert ttl["AttributeName"] == properties["TimeToLiveSpecification"]["AttributeName"]
    assert ttl["TimeToLiveStatus"] == "ENABLED"
    backups = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    stream = dynamodb.describe_table(TableName=table)["Table"]["StreamSpecification"]
    assert stream["StreamViewType"] == properties["StreamSpecification"]["StreamViewType"]


def test_the_buckets_lifecycle_is_that_of_the_template(deployer: Deployer, deployed: Deployment) -> None:
    found = client("s3", deployer.port).get_bucket_lifecycle_configuration(Bucket=deployed.outputs["BucketName"])
    wanted = TEMPLATE.properties("Bucket")["LifecycleConfiguration"]["Rules"]
    assert {(rule["ID"], rule["Filter"]["Prefix"]) for rule in found["Rules"]} == {
        (rule["Id"], rule.get("Prefix", "")) for rule in wanted
    }
    days = {rule["ID"]: rule["Expiration"]["Days"] for rule in found["Rules"] if "Expiration" in rule}
    assert days == {rule["Id"]: rule["ExpirationInDays"] for rule in wanted if "ExpirationInDays" in rule}


def test_the_queue_sends_what_no_worker_survives_to_the_dead_letters(deployer: Deployer, deployed: Deployment) -> None:
    sqs = client("sqs", deployer.port)

    def attributes(output: str) -> Any:
        return sqs.get_queue_attributes(QueueUrl=deployed.outputs[output], AttributeNames=["All"])["Attributes"]

    assert attributes("DeadLetterQueueUrl")["QueueArn"] in attributes("QueueUrl")["RedrivePolicy"]


def test_deploying_what_stands_leaves_it_and_its_jobs(deployer: Deployer, deployed: Deployment) -> None:
    httpx.post(url(deployer, deployed, "/v1/jobs"), json={"text": "A text that stays."}, timeout=30)
    before = httpx.get(url(deployer, deployed, "/v1/jobs/stats"), timeout=30).json()["pending"]
    again = deployer.deploy(deployed)
    assert again == deployed
    assert httpx.get(url(deployer, deployed, "/v1/jobs/stats"), timeout=30).json()["pending"] == before


def test_a_changed_parameter_changes_the_function_and_loses_no_job(deployer: Deployer, deployed: Deployment) -> None:
    answer = httpx.post(url(deployer, deployed, "/v1/jobs"), json={"text": "A text that stays."}, timeout=30).json()
    strict = Deployer(deployer.port, {"SubstitutePack": ""}).deploy(deployed)
    try:
        assert strict.fingerprint != deployed.fingerprint
        assert strict.outputs == deployed.outputs
        refused = httpx.post(url(deployer, strict, "/v1/jobs"), json={"text": "A.", "model": "small"}, timeout=30)
        assert refused.status_code == 400
        kept = httpx.get(url(deployer, strict, f"/v1/jobs/{answer['job_id']}"), timeout=30)
        assert kept.json()["status"] == "pending"
    finally:
        deployer.deploy(strict)


def test_a_stack_that_lost_its_table_is_called_damaged(deployer: Deployer, deployed_elsewhere: Deployment) -> None:
    client("dynamodb", deployer.port).delete_table(TableName=deployed_elsewhere.outputs["TableName"])
    with pytest.raises(StateDamaged):
        deployer.deploy(deployed_elsewhere)
