"""Submitting at most once: an Idempotency-Key decides the job's id, so that whoever repeats it meets the same record.

Of any number of callers with one key the store lets one create the record; the others find it and compare what was
asked for. The id is derived with a secret, so that nobody can tell a job's id from a key.
"""

import hashlib
import hmac
import uuid

from jobs.request import JobRequest


def job_id_of(idempotency_key: str, tenant: str, secret: bytes) -> str:
    """Return the id of the job that the tenant's key stands for."""
    digest = hmac.digest(secret, f"idempotency\0{tenant}\0{idempotency_key}".encode(), hashlib.sha256)
    return str(uuid.UUID(bytes=digest[:16], version=4))


def digest_of(request: JobRequest, text: str) -> str:
    """Return what two requests have in common only if they ask for the same."""
    asked = JobRequest.model_dump_json(request, include=set(JobRequest.model_fields))
    return hashlib.sha256(f"{asked}\0{text}".encode()).hexdigest()
