"""Forms to upload a text by: what a caller who cannot send a book in one request fills in and sends to S3 itself.

A form is a presigned POST. Its policy says what S3 takes by it (one key, plain text, so many bytes, until then), so the
bytes go past Lambda and its limits; the object that arrives becomes the job whose id the form was made for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from jobs.callbacks.urls import check_callback_url
from jobs.errors import QueueFull
from jobs.ingest import form_key
from jobs.request import JobRequest, resolve_pack
from jobs.service import JobService
from jobs.uploads import largest_upload, metadata_of

#: How long a form can be sent; long enough for 20 MB over a slow line.
FORM_LIFETIME = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class UploadForm:
    """A form that becomes a job when it is sent, with a text as its last field, `file`."""

    job_id: str
    #: Where it is sent to, as multipart/form-data.
    url: str
    #: The fields that are sent before the file, as they are.
    fields: Mapping[str, str]
    expires_at: datetime


def upload_form(
    service: JobService, request: JobRequest, tenant: str, idempotency_key: str | None = None
) -> UploadForm:
    """Return a form to upload a text by that is to be read as the request says; nothing is stored.

    Forms that are made under one idempotency key lead to one job. Raises InvalidRequest, or QueueFull when there is no
    place for the job now; there may be none either once the text has arrived, and then the upload waits for one.
    """
    resolve_pack(request, service.settings)
    check_callback_url(request.callback_url, loopback=service.settings.loopback_callbacks)
    metadata = metadata_of(request)
    if service.queue_size() >= service.settings.max_queue_size:
        raise QueueFull(service.settings.max_queue_size)
    job_id = service.keyed_job_id(idempotency_key, tenant) if idempotency_key else service.new_job_id()
    expires_at = service.clock() + FORM_LIFETIME
    largest = largest_upload(service.settings.max_document_size)
    url, fields = service.documents.presign_upload(form_key(tenant, job_id), metadata, largest, FORM_LIFETIME)
    return UploadForm(job_id, url, fields, expires_at)
