"""How a job is written in DynamoDB: record to item and back, and changes as an update expression."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from pydantic import TypeAdapter, ValidationError

from jobs.errors import UnreadableRecord
from jobs.model import Job, Status

#: The largest record that a job begins with, in bytes. DynamoDB takes 400 KB, and of one that is near it no write that
#: makes it longer: it could neither be claimed nor be called off, and every worker would come back to it first.
LARGEST = 100_000

#: Attribute name to DynamoDB's typed value, as the low-level client takes it.
Item = dict[str, Any]

_JOB = TypeAdapter(Job)
_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def to_value(value: object) -> dict[str, Any]:
    """Return a JSON-like value in DynamoDB's typed form; floats become decimals."""
    return dict(_serialize(json.loads(json.dumps(value), parse_float=Decimal)))


def job_key(job_id: str) -> Item:
    """Return the primary key of a job's record."""
    return {"pk": {"S": f"job#{job_id}"}}


def job_id_of(pk: str) -> str:
    """Return whose record has this primary key."""
    return pk.removeprefix("job#")


def index_keys(tenant: str, status: Status) -> dict[str, str]:
    """Return the attributes that the listing indexes need beside the job's own and that change with its status."""
    return {"tenant_status": f"{tenant}#{status}"}


def book_key(tenant: str, book_id: str) -> str:
    """Return the attribute that the index of a tenant's books needs."""
    return f"{tenant}#{book_id}"


def to_item(job: Job) -> Item:
    """Return the job's record; fields that are None are left out."""
    plain = _JOB.dump_python(job, mode="json", exclude_none=True) | index_keys(job.tenant, job.status)
    if job.book_id is not None:
        plain["tenant_book"] = book_key(job.tenant, job.book_id)
    if job.due_at is not None:
        plain["due_at"] = job.due_at
    return job_key(job.job_id) | {name: to_value(value) for name, value in plain.items()}


def size_of(item: Item) -> int:
    """Return the record's length in bytes as JSON, which is no less than DynamoDB counts."""
    return len(json.dumps(item, ensure_ascii=False).encode())


def from_item(item: Mapping[str, Any]) -> Job:
    """Return the job of a record; attributes that only a newer version knows are ignored.

    Raises UnreadableRecord for a value that only a newer version knows.
    """
    try:
        return _JOB.validate_python(plain(item))
    except ValidationError as error:
        raise UnreadableRecord(job_id_of(item["pk"]["S"])) from error


def plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record's values out of DynamoDB's typed form; numbers are decimals."""
    return {name: _deserialize(value) for name, value in item.items()}


def typed(changes: Mapping[str, object]) -> dict[str, Item | None]:
    """Return an update's values in DynamoDB's typed form; None, which removes its attribute, stays None."""
    return {name: None if value is None else to_value(value) for name, value in changes.items()}


def update_expression(changes: Mapping[str, Item | None]) -> dict[str, Any]:
    """Return the arguments that set each attribute to its new typed value and remove those that are None.

    Every attribute is written through a `#` alias, since many of our names are reserved words of DynamoDB.
    """
    kept = {name: value for name, value in changes.items() if value is not None}
    clauses = []
    if kept:
        clauses.append("SET " + ", ".join(f"#{name} = :new_{name}" for name in kept))
    if removed := [f"#{name}" for name in changes if name not in kept]:
        clauses.append("REMOVE " + ", ".join(removed))
    return {
        "UpdateExpression": " ".join(clauses),
        "ExpressionAttributeNames": {f"#{name}": name for name in changes},
        "ExpressionAttributeValues": {f":new_{name}": value for name, value in kept.items()},
    }


def condition(expression: str, **values: str | int) -> dict[str, Any]:
    """Return the arguments of a condition whose `:name` placeholders stand for `values`.

    A refused write then tells the record as it stood, which saves a second read.
    """
    return {
        "ConditionExpression": expression,
        "ExpressionAttributeNames": {"#status": "status"} if "#status" in expression else {},
        "ExpressionAttributeValues": {f":{name}": to_value(value) for name, value in values.items()},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def merged(*arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of one request, joined from parts; names and values of the parts are united.

    Empty maps are left out, since DynamoDB refuses them.
    """
    request: dict[str, Any] = {}
    for part in arguments:
        for name, value in part.items():
            request[name] = {**request.get(name, {}), **value} if isinstance(value, dict) else value
    return {name: value for name, value in request.items() if value != {}}
