"""The machines that the worker's templates ask for."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest

from infra.local.template import PROJECT, Template
from tests.conditions import under

INFRA = PROJECT / "infra"


def nested(file: str, **parameters: str) -> Template:
    return under(Template.read(INFRA / file), parameters)


def types_of_groups(**parameters: str) -> list[Any]:
    template = nested("gpu_instances.yaml", **parameters)
    groups = map(template.properties, template.of_type("AWS::AutoScaling::AutoScalingGroup"))
    overrides = [group["MixedInstancesPolicy"]["LaunchTemplate"]["Overrides"] for group in groups]
    return [[override["InstanceType"] for override in group] for group in overrides]


def types_of_batch(**parameters: str) -> list[Any]:
    template = nested("batch.yaml", Purchase="SpotFirst", **parameters)
    environments = map(template.properties, template.of_type("AWS::Batch::ComputeEnvironment"))
    return [environment["ComputeResources"]["InstanceTypes"] for environment in environments]


@pytest.mark.parametrize("types_of", [types_of_groups, types_of_batch])
def test_a_machine_that_is_its_own_alternative_is_asked_for_once(types_of: Callable[..., list[Any]]) -> None:
    wanted, alternative = {"Ref": "InstanceType"}, {"Ref": "AlternativeInstanceType"}
    assert types_of(InstanceType="g6.xlarge", AlternativeInstanceType="g6.xlarge") == [[wanted]] * 2
    assert types_of(InstanceType="g5.xlarge", AlternativeInstanceType="g6.xlarge") == [[wanted, alternative]] * 2


def test_a_cluster_keeps_its_providers_from_gpu_to_fargate_and_back() -> None:
    gpu, fargate = (
        nested("worker.yaml", Compute=compute, Purchase="SpotFirst") for compute in ("EcsGpu", "FargateCpu")
    )
    known = gpu.properties("ClusterCapacity")["CapacityProviders"]
    assert known == fargate.properties("ClusterCapacity")["CapacityProviders"]
    for template in (gpu, fargate):
        for service in ("FirstService", "FallbackService"):
            assert template.properties(service)["Parameters"]["CapacityProvider"] in known


def test_batch_has_a_cluster_of_its_own() -> None:
    resources = nested("worker.yaml", Compute="BatchGpu").body["Resources"]
    assert resources.keys() & {"Cluster", "Instances", "ClusterCapacity", "FirstService"} == set()


@pytest.mark.parametrize(
    ("file", "definition", "containers"),
    [("worker.yaml", "TaskDefinition", "ContainerDefinitions"), ("batch.yaml", "JobDefinition", "ContainerProperties")],
)
def test_a_worker_is_told_its_region_by_the_name_that_boto3_reads(
    file: str, definition: str, containers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = nested(file, Compute="EcsGpu").properties(definition)[containers]
    [container] = given if isinstance(given, list) else [given]
    monkeypatch.setenv("AWS_CONFIG_FILE", "")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    for variable in container["Environment"]:
        if variable["Value"] == {"Ref": "AWS::Region"}:
            monkeypatch.setenv(variable["Name"], "eu-central-1")
    assert boto3.Session().region_name == "eu-central-1"


def test_a_network_stands_in_the_regions_first_zones_or_in_those_that_are_named() -> None:
    def zones(**parameters: str) -> list[Any]:
        template = nested("network.yaml", Egress="Nat", **parameters)
        return [template.properties(f"{name}Subnet")["AvailabilityZone"] for name in ("First", "Second", "Public")]

    first, second = ({"Fn::Select": [index, {"Fn::GetAZs": ""}]} for index in (0, 1))
    assert zones(FirstZone="", SecondZone="") == [first, second, first]
    named = {"Ref": "FirstZone"}
    assert zones(FirstZone="us-east-1c", SecondZone="us-east-1d") == [named, {"Ref": "SecondZone"}, named]


def actions(statements: list[dict[str, Any]]) -> set[str]:
    listed = [[said["Action"]] if isinstance(said["Action"], str) else said["Action"] for said in statements]
    return {action for some in listed for action in some}


def test_the_network_lets_a_worker_do_with_table_and_buckets_what_its_policy_allows_and_nothing_else() -> None:
    network = Template.read(INFRA / "network.yaml")
    gateways = [network.properties(f"{service}Endpoint")["PolicyDocument"] for service in ("S3", "DynamoDb")]
    allowed = actions(Template.read().properties("WorkerPolicy")["PolicyDocument"]["Statement"])
    passed = set().union(*(actions(gateway["Statement"]) for gateway in gateways))
    assert passed == {action for action in allowed if action.startswith(("s3:", "dynamodb:"))}
