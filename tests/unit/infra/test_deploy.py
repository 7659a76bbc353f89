"""What is said when the template cannot be deployed."""

from unittest.mock import Mock

from botocore.exceptions import ClientError, WaiterError

from infra.local.deploy import MOST_SAID, reason

FAILED = WaiterError("StackUpdateComplete", "Waiter encountered a terminal failure state", {})


def stack_with(*events: tuple[str, str, str]) -> Mock:
    """A stack of these events, the newest first."""
    names = ("LogicalResourceId", "ResourceStatus", "ResourceStatusReason")
    told = [{name: value for name, value in zip(names, event, strict=True) if value} for event in events]
    return Mock(describe_stack_events=Mock(return_value={"StackEvents": told}))


def test_a_refusal_that_repeats_the_template_is_shortened_to_what_it_is_about() -> None:
    message = f"Value '{'x' * 60_000}' at 'templateBody' failed to satisfy constraint: at most 51200 characters"
    refused = ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "UpdateStack")
    said = reason(stack_with(), refused)
    assert len(said) < MOST_SAID + 10
    assert "calling the UpdateStack operation" in said
    assert said.endswith("constraint: at most 51200 characters")


def test_a_refusal_is_not_taken_for_a_failure_of_an_earlier_deployment() -> None:
    refused = ClientError({"Error": {"Code": "ValidationError", "Message": "No such parameter"}}, "UpdateStack")
    said = reason(stack_with(("Old", "CREATE_FAILED", "it was wrong"), ("bookjob", "CREATE_IN_PROGRESS", "")), refused)
    assert said.endswith("No such parameter")


def test_of_a_deployment_that_failed_its_first_failure_is_told() -> None:
    stack = stack_with(
        ("bookjob", "UPDATE_ROLLBACK_IN_PROGRESS", "the update failed"),
        ("Later", "UPDATE_FAILED", "cancelled"),
        ("First", "UPDATE_FAILED", "it is wrong"),
        ("bookjob", "UPDATE_IN_PROGRESS", "User Initiated"),
        ("Old", "UPDATE_FAILED", "it was wrong"),
    )
    assert reason(stack, FAILED) == "First: it is wrong"


def test_a_failure_without_a_reason_leaves_what_the_waiter_says() -> None:
    assert "terminal failure state" in reason(stack_with(("First", "UPDATE_FAILED", "")), FAILED)
