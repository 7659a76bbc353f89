"""The API keys of a deployment, for its operator: whoever may write its table may make keys, by no other right.

The service itself has no call that makes a key, so that no caller and no fault of the API can.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict, ValidationError

from jobs.clock import Clock, Instant, utc_now
from jobs.errors import NoSuchKey
from jobs.key_store import KeyStore
from jobs.keys import ApiKey, NewKey, make_key

#: The template's output that names the table.
TABLE_OUTPUT = "KeysTableName"


class KeysError(Exception):
    """What was asked of a deployment's keys cannot be done; the text says why and what to do."""


class KeysOutOfReach(KeysError):
    """The table of the keys cannot be reached."""


class KeyRefused(KeysError):
    """No key can be made so."""


class KeyUnknown(KeysError):
    """No key has this id."""


class Key(BaseModel):
    """What there is to know of a key that exists."""

    model_config = ConfigDict(frozen=True)

    key_id: str
    name: str
    tenant: str
    created_at: Instant
    last_used_at: Instant | None
    revoked_at: Instant | None
    submissions_per_minute: int | None
    requests_per_minute: int | None

    @classmethod
    def of(cls, record: ApiKey, **more: Any) -> Self:
        """Return what its record tells of a key, but for what would verify it."""
        return cls(
            key_id=record.key_id,
            name=record.name,
            tenant=record.tenant,
            created_at=record.created_at,
            last_used_at=record.last_used_at,
            revoked_at=record.revoked_at,
            submissions_per_minute=record.limits.submissions,
            requests_per_minute=record.limits.requests,
            **more,
        )


class CreatedKey(Key):
    """A key that was just made, with the key itself, which is not kept anywhere."""

    key: str


@dataclass(frozen=True)
class KeyDesk:
    """Where an operator makes, looks up and revokes the keys of one deployment."""

    store: KeyStore
    clock: Clock = utc_now

    @classmethod
    def of_this_machine(cls) -> Self:
        """Return the desk of the local stack; raises KeysOutOfReach when it does not run."""
        from infra.local.clients import client
        from infra.local.home import Home

        home = Home.default()
        running, deployment = home.running(), home.deployment()
        if running is None or not running.ready or running.supervisor.find() is None or deployment is None:
            raise KeysOutOfReach(
                "No service runs on this machine. Start one with `bookjob up --keys`, or name the CloudFormation stack "
                "of one in AWS: --stack NAME"
            )
        return cls(KeyStore(client("dynamodb", running.emulator_port or 0), deployment.outputs[TABLE_OUTPUT]))

    @classmethod
    def of_stack(cls, name: str) -> Self:
        """Return the desk of a CloudFormation stack, by the AWS credentials of the environment.

        Raises KeysOutOfReach.
        """
        with _reaching():
            session = boto3.Session()
            found = session.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
            tables = [one["OutputValue"] for one in found.get("Outputs", []) if one["OutputKey"] == TABLE_OUTPUT]
            if not tables:
                raise KeysOutOfReach(f"The stack {name} is none of this service's: it has no output {TABLE_OUTPUT}.")
            return cls(KeyStore(session.client("dynamodb"), tables[0]))

    def create(
        self,
        name: str,
        tenant: str,
        *,
        submissions_per_minute: int | None = None,
        requests_per_minute: int | None = None,
    ) -> CreatedKey:
        """Make a key; raises KeyRefused for a name that cannot be, or KeysOutOfReach."""
        try:
            asked = NewKey(
                name=name,
                tenant=tenant,
                submissions_per_minute=submissions_per_minute,
                requests_per_minute=requests_per_minute,
            )
        except ValidationError as error:
            raise KeyRefused(_sentence(error)) from error
        record, key = make_key(asked, self.clock())
        with _reaching():
            self.store.add(record)
        return CreatedKey.of(record, key=key)

    def all(self) -> list[Key]:
        """Return every key, revoked ones too, the oldest first; raises KeysOutOfReach."""
        with _reaching():
            return [Key.of(record) for record in self.store.all()]

    def revoke(self, key_id: str) -> Key:
        """Revoke a key for good; raises KeyUnknown, or KeysOutOfReach."""
        try:
            with _reaching():
                return Key.of(self.store.revoke(key_id, self.clock()))
        except NoSuchKey as error:
            raise KeyUnknown(str(error)) from error


def _sentence(error: ValidationError) -> str:
    match error.errors()[0]["loc"]:
        case ("tenant",):
            return (
                "A tenant is named by 1 to 63 lower-case letters, digits and hyphens, neither first nor last a hyphen, "
                "and none is called `uploads`."
            )
        case ("name",):
            return "A key's name has 1 to 100 characters."
    return "A limit is at least 1 request a minute."


@contextmanager
def _reaching() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        said = str(error).rstrip(".")
        raise KeysOutOfReach(
            f"The keys cannot be reached: {said}. Look at the stack's name, the region and the credentials "
            "(AWS_DEFAULT_REGION, AWS_PROFILE)."
        ) from error
