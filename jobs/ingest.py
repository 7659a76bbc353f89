"""The way in by S3: an object under `incoming/` becomes a job, however often and in whatever order S3 tells of it."""

import re
import secrets
import uuid

from pydantic import BaseModel, ConfigDict, Field

from jobs.callbacks.urls import check_callback_url
from jobs.documents import INCOMING, Upload, document_key
from jobs.errors import DocumentMissing, DocumentOverwritten, InvalidRequest, MoveRefused, QueueFull
from jobs.keys import PUBLIC, RESERVED, TENANT
from jobs.model import Job, Status
from jobs.request import JobRequest, check_text, resolve_pack
from jobs.service import JOB_ID, JobService
from jobs.settings import Settings
from jobs.tracing import current_trace
from jobs.uploads import check_size, decoded, requested, unread

#: Under which the ids of uploads' jobs are made: UUIDs of version 5.
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "bookjob/uploads")

#: The keys of uploads that a caller was given a form for, which knows the job's id and tenant beforehand.
FORM_KEY = re.compile(rf"{INCOMING}uploads/(?P<tenant>[^/]+)/(?P<job_id>{JOB_ID.pattern})")

#: The keys of uploads that were put into a tenant's own folder.
FOLDER_KEY = re.compile(rf"{INCOMING}(?P<tenant>{TENANT})/.+", re.DOTALL)

#: Why an upload failed that nobody read.
GONE = "The upload was deleted or overwritten before it was read; upload it again."


class CreatedObject(BaseModel):
    """The object of an event, in S3's own words."""

    model_config = ConfigDict(frozen=True)

    key: str
    etag: str
    #: Orders the writes of one key; with the ETag it names one of them.
    sequencer: str = ""
    version_id: str | None = Field(default=None, alias="version-id")


class StoringBucket(BaseModel):
    """The bucket of an event."""

    model_config = ConfigDict(frozen=True)

    name: str


class ObjectCreated(BaseModel):
    """The detail of EventBridge's event `Object Created` from S3."""

    model_config = ConfigDict(frozen=True)

    bucket: StoringBucket
    object: CreatedObject

    @property
    def job_id(self) -> str:
        """The id of the job that the upload becomes: the same for the same write of the same object."""
        if form := FORM_KEY.fullmatch(self.object.key):
            return form["job_id"]
        stored = self.object
        write = stored.version_id or f"{stored.etag}/{stored.sequencer}"
        return str(uuid.uuid5(NAMESPACE, f"{self.bucket.name}/{stored.key}/{write}"))

    @property
    def by_form(self) -> bool:
        """Whether it was sent by a form: then its key is one job's alone, and the object is ours to delete."""
        return FORM_KEY.fullmatch(self.object.key) is not None

    @property
    def is_folder(self) -> bool:
        """Whether it is no upload but the mark that S3's console leaves for an empty folder."""
        return self.object.key.endswith("/")

    def tenant(self, settings: Settings) -> str:
        """Return whose job it becomes: whose form it was sent by, else whose folder it was put into.

        Folders are tenants' only where callers are asked for keys. Everything else is for whoever needs no key.
        """
        if form := FORM_KEY.fullmatch(self.object.key):
            return form["tenant"]
        folder = FOLDER_KEY.fullmatch(self.object.key)
        if folder is None or folder["tenant"] in RESERVED or not settings.require_keys:
            return PUBLIC
        return folder["tenant"]


def form_key(tenant: str, job_id: str) -> str:
    """Return the key to upload a text to that is to become this job of the tenant's."""
    return f"{INCOMING}uploads/{tenant}/{job_id}"


def ingest(service: JobService, event: ObjectCreated) -> Job | None:
    """Return the job that an upload became, made now if the event is the first of its kind.

    An upload that cannot become a job is a failed one with the reason. None for what was sent by a form and overwritten
    by the same form before it was read: the job is the newer text's, which has an event of its own. Raises QueueFull or
    what boto3 raises; the event is to be delivered again then.
    """
    try:
        upload = service.documents.describe(event.object.key, event.object.etag)
        job = service.find(event.job_id) or _accept(service, event, upload)
    except DocumentMissing as missing:
        return service.find(event.job_id) or _missed(service, event, missing)
    if job.status is Status.PENDING:
        service.queue.send(job.job_id)
    if event.by_form:
        # The job has its text; a copy here would outlive it. Another sending of the form is not read any more.
        service.documents.delete_text(event.object.key)
    else:
        service.documents.tag(event.object.key, job.job_id)
    return job


def _missed(service: JobService, event: ObjectCreated, missing: DocumentMissing) -> Job | None:
    if event.by_form and isinstance(missing, DocumentOverwritten):
        return None
    return _reject(service, event, JobRequest(), GONE)


def _accept(service: JobService, event: ObjectCreated, upload: Upload) -> Job:
    settings, request = service.settings, unread(upload.metadata)
    if service.queue_size() >= settings.max_queue_size:
        raise QueueFull(settings.max_queue_size)
    try:
        request = requested(upload.metadata)
        check_callback_url(request.callback_url, loopback=settings.loopback_callbacks)
        check_size(upload.size, settings.max_document_size)
        text = decoded(service.documents.read_upload(event.object.key, event.object.etag))
        check_text(text, settings)
        pack, warnings = resolve_pack(request, settings)
    except InvalidRequest as refusal:
        return _reject(service, event, request, str(refusal))
    job = _job(service, event, request).evolve(characters=len(text), pack=pack, warnings=warnings)
    # The text goes first, so that whoever sees the record can read it. It stays when there is no place in the queue:
    # another delivery of the event may have found one, and an orphaned text expires by itself.
    service.documents.put_text(job.document_key, text)
    try:
        service.store.submit(job, settings.max_queue_size)
    except MoveRefused as refused:
        return refused.job or job
    return job


def _reject(service: JobService, event: ObjectCreated, request: JobRequest, reason: str) -> Job:
    try:
        return service.store.reject(_job(service, event, request), reason, service.clock())
    except MoveRefused as refused:
        return refused.job or _job(service, event, request)


def _job(service: JobService, event: ObjectCreated, request: JobRequest) -> Job:
    """Return the job as it stands while nothing is known of its text."""
    return Job(
        job_id=event.job_id,
        tenant=event.tenant(service.settings),
        status=Status.PENDING,
        submitted_at=service.clock(),
        document_key=document_key(event.job_id, upload=secrets.token_hex(4)),
        characters=0,
        model=request.model,
        pack=request.custom_model_path or request.model,
        pipeline=request.pipeline,
        options=request.options.to_domain(),
        book_id=request.book_id,
        callback_url=request.callback_url,
        trace=current_trace(),
    )
