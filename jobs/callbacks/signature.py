"""The signature by which a receiver knows that a callback is ours (Standard Webhooks 1.0.0, symmetric, `v1`)."""

import base64
import hashlib
import hmac
from collections.abc import Sequence

#: How a secret begins where people see it.
SECRET_PREFIX = "whsec_"  # noqa: S105 - what all secrets begin with is none


def written(secret: bytes) -> str:
    """Return a secret as its receiver is given it."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def signed(callback_id: str, timestamp: int, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """Return the headers of a callback that is sent at that epoch second, with a signature by each of the secrets."""
    content = f"{callback_id}.{timestamp}.".encode() + body
    signatures = [base64.b64encode(hmac.digest(secret, content, hashlib.sha256)).decode() for secret in secrets]
    return {
        "webhook-id": callback_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
