"""What stands at an AWS, told as a template would tell it: by each resource's own API, in CloudFormation's spelling."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from infra.local.deploy import STACK

Properties = dict[str, Any]

#: What a bucket is asked, for a part of its configuration each, and where the answer has it.
BUCKET_PARTS = {
    "PublicAccessBlockConfiguration": ("get_public_access_block", "PublicAccessBlockConfiguration"),
    "OwnershipControls": ("get_bucket_ownership_controls", "OwnershipControls"),
    "BucketEncryption": ("get_bucket_encryption", "ServerSideEncryptionConfiguration"),
    "CorsConfiguration": ("get_bucket_cors", None),
    "LifecycleConfiguration": ("get_bucket_lifecycle_configuration", None),
}


POLICY_PROPERTIES = ("PolicyName", "PolicyDocument")


@dataclass(frozen=True)
class Standing:
    """An AWS, and the clients that it is asked with."""

    client: Callable[[str], Any]

    def read(self, kind: str, name: str, wanted: Mapping[str, Any]) -> Properties:
        """Return the properties of the resource of that type (`AWS::SQS::Queue`) and physical id.

        `wanted` are the properties of the template, by which a resource is found that has no name of its own.
        """
        readers: dict[str, Callable[[], Properties]] = {
            "AWS::DynamoDB::Table": lambda: self._table(name),
            "AWS::S3::Bucket": lambda: self._bucket(name),
            "AWS::S3::BucketPolicy": lambda: self._bucket_policy(wanted["Bucket"]),
            "AWS::SQS::Queue": lambda: self._queue(name),
            "AWS::SQS::QueuePolicy": lambda: self._queue_policy(wanted["Queues"]),
            "AWS::Lambda::Function": lambda: self._function(name),
            "AWS::Lambda::Permission": lambda: self._permission(wanted),
            "AWS::Lambda::EventSourceMapping": lambda: self._mapping(name),
            "AWS::Logs::LogGroup": lambda: self._log_group(name),
            "AWS::IAM::Role": lambda: self._role(name),
            "AWS::IAM::ManagedPolicy": lambda: self._policy(name),
            "AWS::Events::Rule": lambda: self._rule(name),
            "AWS::ApiGatewayV2::Api": lambda: self._api("get_api", ApiId=name),
            "AWS::ApiGatewayV2::Integration": lambda: self._of_api("get_integrations", wanted),
            "AWS::ApiGatewayV2::Route": lambda: self._of_api("get_routes", wanted),
            "AWS::ApiGatewayV2::Stage": lambda: self._of_api("get_stages", wanted),
        }
        return readers[kind]()

    def pseudo_parameters(self) -> Mapping[str, str]:
        """Return what the pseudo parameters stand for, at the AWS that is asked."""
        me, region = self.client("sts").get_caller_identity(), self.client("sts").meta.region_name
        return {
            "AWS::AccountId": me["Account"],
            "AWS::Region": region,
            "AWS::Partition": me["Arn"].split(":")[1],
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": STACK,
        }

    def attribute(self, kind: str, name: str, attribute: str) -> str:
        """Return what `!GetAtt` of a resource of that type and physical id stands for."""
        match kind, attribute:
            case "AWS::DynamoDB::Table", "Arn":
                found = self.client("dynamodb").describe_table(TableName=name)["Table"]["TableArn"]
            case "AWS::DynamoDB::Table", "StreamArn":
                found = self.client("dynamodb").describe_table(TableName=name)["Table"]["LatestStreamArn"]
            case "AWS::S3::Bucket", "Arn":
                found = f"arn:aws:s3:::{name}"
            case "AWS::SQS::Queue", "Arn":
                found = self._queue(name)["QueueArn"]
            case "AWS::Lambda::Function", "Arn":
                found = self.client("lambda").get_function_configuration(FunctionName=name)["FunctionArn"]
            case "AWS::Logs::LogGroup", "Arn":
                found = self._log_group(name)["Arn"]
            case "AWS::IAM::Role", "Arn":
                found = self.client("iam").get_role(RoleName=name)["Role"]["Arn"]
            case "AWS::Events::Rule", "Arn":
                found = self.client("events").describe_rule(Name=name)["Arn"]
            case _:
                raise ValueError(f"no test has asked for {attribute} of {kind} yet")
        return str(found)

    def _table(self, name: str) -> Properties:
        dynamodb = self.client("dynamodb")
        table = dynamodb.describe_table(TableName=name)["Table"]
        ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        encryption = table.get("SSEDescription", {})
        recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
        return {
            **table,
            "BillingMode": table.get("BillingModeSummary", {}).get("BillingMode"),
            "TimeToLiveSpecification": {
                "AttributeName": ttl.get("AttributeName"),
                "Enabled": ttl["TimeToLiveStatus"] in ("ENABLED", "ENABLING"),
            },
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": recovery == "ENABLED"},
            "SSESpecification": {
                "SSEEnabled": encryption.get("Status") == "ENABLED",
                "SSEType": encryption.get("SSEType"),
                "KMSMasterKeyId": encryption.get("KMSMasterKeyArn"),
            },
        }

    def _bucket(self, name: str) -> Properties:
        s3 = self.client("s3")
        found: Properties = {}
        for part, (operation, key) in BUCKET_PARTS.items():
            try:
                answer = getattr(s3, operation)(Bucket=name)
            except ClientError:
                continue  # nothing is configured
            found[part] = answer[key] if key else answer
        notifications = s3.get_bucket_notification_configuration(Bucket=name)
        tells = "EventBridgeConfiguration" in notifications
        found["NotificationConfiguration"] = {"EventBridgeConfiguration": {"EventBridgeEnabled": tells}}
        if "BucketEncryption" in found:
            found["BucketEncryption"] = {"ServerSideEncryptionConfiguration": _encryption(found["BucketEncryption"])}
        if "CorsConfiguration" in found:
            found["CorsConfiguration"]["CorsRules"] = [
                {"MaxAge" if key == "MaxAgeSeconds" else key: value for key, value in rule.items()}
                for rule in found["CorsConfiguration"]["CORSRules"]
            ]
        if "LifecycleConfiguration" in found:
            found["LifecycleConfiguration"] = {"Rules": [*map(_expiry, found["LifecycleConfiguration"]["Rules"])]}
        return found

    def _bucket_policy(self, bucket: str) -> Properties:
        policy = self.client("s3").get_bucket_policy(Bucket=bucket)["Policy"]
        return {"Bucket": bucket, "PolicyDocument": json.loads(policy)}

    def _queue(self, url: str) -> Properties:
        attributes = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return {name: _parsed(value) for name, value in attributes.items()}

    def _queue_policy(self, urls: Iterable[str]) -> Properties:
        """Return the policy that all of the queues have, and those of them that have one."""
        found = {url: self._queue(url).get("Policy") for url in urls}
        policy, *others = found.values()
        return {
            "Queues": [url for url, each in found.items() if each is not None],
            "PolicyDocument": policy if others.count(policy) == len(others) else None,
        }

    def _function(self, name: str) -> Properties:
        configuration: Properties = self.client("lambda").get_function_configuration(FunctionName=name)
        return configuration

    def _permission(self, wanted: Mapping[str, Any]) -> Properties:
        policy = self.client("lambda").get_policy(FunctionName=wanted["FunctionName"])["Policy"]
        statements = json.loads(policy)["Statement"]
        statement = next(each for each in statements if each["Principal"] == {"Service": wanted["Principal"]})
        sources = [source for test in statement.get("Condition", {}).values() for source in test.values()]
        return {
            "FunctionName": wanted["FunctionName"],
            "Action": statement["Action"],
            "Principal": statement["Principal"]["Service"],
            "SourceArn": sources[0] if sources else None,
        }

    def _mapping(self, name: str) -> Properties:
        mapping = self.client("lambda").get_event_source_mapping(UUID=name)
        return {**mapping, "FunctionName": mapping["FunctionArn"].rsplit(":", 1)[-1]}

    def _log_group(self, name: str) -> Properties:
        groups = self.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        group = next(each for each in groups if each["logGroupName"] == name)
        told = {"RetentionInDays": "retentionInDays", "KmsKeyId": "kmsKeyId", "Arn": "arn"}
        return {name: group.get(key) for name, key in told.items()}

    def _role(self, name: str) -> Properties:
        iam = self.client("iam")
        policies = [
            iam.get_role_policy(RoleName=name, PolicyName=policy)
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        ]
        return {
            "AssumeRolePolicyDocument": iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"],
            "Policies": [{key: policy[key] for key in POLICY_PROPERTIES} for policy in policies],
        }

    def _policy(self, arn: str) -> Properties:
        iam = self.client("iam")
        policy = iam.get_policy(PolicyArn=arn)["Policy"]
        version = iam.get_policy_version(PolicyArn=arn, VersionId=policy["DefaultVersionId"])["PolicyVersion"]
        attached = iam.list_entities_for_policy(PolicyArn=arn)["PolicyRoles"]
        return {
            "Description": policy.get("Description"),
            "PolicyDocument": version["Document"],
            "Roles": [role["RoleName"] for role in attached],
        }

    def _rule(self, name: str) -> Properties:
        events = self.client("events")
        rule = events.describe_rule(Name=name)
        if "EventPattern" in rule:
            rule["EventPattern"] = json.loads(rule["EventPattern"])
        return {**rule, "Targets": events.list_targets_by_rule(Rule=name)["Targets"]}

    def _api(self, operation: str, **arguments: str) -> Properties:
        answer: Properties = getattr(self.client("apigatewayv2"), operation)(**arguments)
        return answer

    def _of_api(self, operation: str, wanted: Mapping[str, Any]) -> Properties:
        """Return the one integration, route or stage that the API has."""
        (item,) = self._api(operation, ApiId=wanted["ApiId"])["Items"]
        return {**item, "ApiId": wanted["ApiId"]}


def _encryption(configuration: Mapping[str, Any]) -> list[Properties]:
    return [
        {
            "BucketKeyEnabled": rule.get("BucketKeyEnabled"),
            "ServerSideEncryptionByDefault": rule["ApplyServerSideEncryptionByDefault"],
        }
        for rule in configuration["Rules"]
    ]


def _expiry(rule: Mapping[str, Any]) -> Properties:
    """Return the API's spelling of a lifecycle rule in CloudFormation's."""
    kept: Properties = {name: rule[name] for name in ("Status", "AbortIncompleteMultipartUpload") if name in rule}
    prefix = rule.get("Filter", rule).get("Prefix")
    kept |= {"Id": rule["ID"]} | ({"Prefix": prefix} if prefix else {})
    return kept | ({"ExpirationInDays": rule["Expiration"]["Days"]} if "Expiration" in rule else {})


def _parsed(value: str) -> Any:
    """Return what a queue's attribute tells: a number, a truth value, a document, or a name."""
    try:
        return json.loads(value)
    except ValueError:
        return value
