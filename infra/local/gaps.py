"""What the emulator's CloudFormation leaves out, set by API calls from the same template.

ministack 1.5.33 creates the table and the bucket but drops, without a word, the table's TTL and point-in-time
recovery and the bucket's lifecycle rules.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client


def complete_table(client: "DynamoDBClient", table: str, properties: Mapping[str, Any]) -> None:
    """Give the table the TTL and the recovery that its properties ask for; doing so again changes nothing."""
    wanted = properties.get("TimeToLiveSpecification")
    standing = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if wanted is not None and standing.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
        client.update_time_to_live(TableName=table, TimeToLiveSpecification=wanted)
    recovery = properties["PointInTimeRecoverySpecification"]
    client.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification=recovery)


def complete_bucket(client: "S3Client", bucket: str, properties: Mapping[str, Any]) -> None:
    """Give the bucket the lifecycle rules that its properties ask for; doing so again changes nothing."""
    rules = [_lifecycle_rule(rule) for rule in properties["LifecycleConfiguration"]["Rules"]]
    client.put_bucket_lifecycle_configuration(
        Bucket=bucket,
        LifecycleConfiguration={"Rules": rules},  # type: ignore[typeddict-item]  # as the template has them
    )


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return CloudFormation's spelling of a rule in the API's."""
    api = {name: rule[name] for name in ("Status", "AbortIncompleteMultipartUpload") if name in rule}
    api |= {"ID": rule["Id"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    if "ExpirationInDays" in rule:
        api["Expiration"] = {"Days": rule["ExpirationInDays"]}
    return api
