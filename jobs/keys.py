"""What an API key is: an id that everyone may know, and a secret that is shown once and kept as a salted hash.

A key reads `bookjob_{id}_{secret}`, so that scanners for leaked secrets can know it, and its record is found by its id
before anything is compared. The secret is 256 random bits. Nobody can try so many, however fast the hash is, so it is
a single SHA-256 and not scrypt, which would cost every request what it is meant to cost whoever guesses passwords. The
salt keeps the digests of one table from saying anything about another's.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, field_validator

from jobs.clock import Instant

#: Whose jobs are whose where no keys are asked for: all callers are one tenant.
PUBLIC = "public"

#: How a tenant may be called: its name is part of S3 keys and of index keys, where `/` and `#` end it.
TENANT = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"

#: What no tenant may be called: uploads by a form are kept under `incoming/uploads/`.
RESERVED = frozenset({"uploads"})

#: How a key is written.
KEY = re.compile(r"bookjob_(?P<key_id>[0-9a-f]{12})_(?P<secret>[0-9a-f]{64})")

#: Lengths of an id, a secret and a salt, in random bytes.
ID_SIZE, SECRET_SIZE, SALT_SIZE = 6, 32, 16


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """How many requests a key may make a minute, by their kind; None where the deployment's own limit holds."""

    #: What makes work: submitting, uploading, retrying.
    submissions: int | None = None
    #: Everything else that is asked of jobs.
    requests: int | None = None


#: The limits of every key that was given none of its own.
NO_LIMITS_OF_ITS_OWN = KeyLimits()


class NewKey(BaseModel):
    """What an operator says of a key that is to be made."""

    model_config = ConfigDict(frozen=True)

    #: What it is for.
    name: str = Field(min_length=1, max_length=100)
    #: Whose jobs its holder is to see.
    tenant: str = Field(pattern=f"^{TENANT}$")
    submissions_per_minute: int | None = Field(default=None, ge=1)
    requests_per_minute: int | None = Field(default=None, ge=1)

    @field_validator("tenant")
    @classmethod
    def _is_free(cls, tenant: str) -> str:
        if tenant in RESERVED:
            raise ValueError(f"no tenant may be called {tenant!r}")
        return tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One key as its record stands, which does not tell the key itself."""

    key_id: str
    #: What it is for, in its maker's words.
    name: str
    #: Whose jobs its holder sees.
    tenant: str
    #: Random bytes, in hexadecimal.
    salt: str
    #: HMAC-SHA256 of the secret under the salt, in hexadecimal.
    digest: str
    created_at: Instant
    limits: KeyLimits = NO_LIMITS_OF_ITS_OWN
    #: When it was used last, to a minute or so.
    last_used_at: Instant | None = None
    revoked_at: Instant | None = None

    def opens_with(self, secret: str) -> bool:
        """Whether this is the key's secret; takes the same time whatever is wrong with it."""
        return hmac.compare_digest(_digest(secret, self.salt), self.digest)


def make_key(asked: NewKey, now: datetime) -> tuple[ApiKey, str]:
    """Return a new key's record, and the key itself as its holder is shown it once."""
    key_id, secret, salt = (secrets.token_hex(size) for size in (ID_SIZE, SECRET_SIZE, SALT_SIZE))
    record = ApiKey(
        key_id=key_id,
        name=asked.name,
        tenant=asked.tenant,
        salt=salt,
        digest=_digest(secret, salt),
        created_at=now,
        limits=KeyLimits(asked.submissions_per_minute, asked.requests_per_minute),
    )
    return record, f"bookjob_{key_id}_{secret}"


def _digest(secret: str, salt: str) -> str:
    return hmac.new(bytes.fromhex(salt), secret.encode(), hashlib.sha256).hexdigest()
