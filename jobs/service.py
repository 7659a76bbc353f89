"""What callers can do with jobs: submit one, look at it, call it off, count them. Both ways in stand on this."""

import os
import re
import secrets
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Self

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config

from jobs.callbacks.desk import CallbackDesk
from jobs.callbacks.outbox import Outbox
from jobs.callbacks.queue import CallbackQueue
from jobs.callbacks.secrets import SecretStore
from jobs.callbacks.urls import check_callback_url
from jobs.clock import Clock, isoformat, utc_now
from jobs.cursors import opened, sealed
from jobs.documents import FILES, DocumentStore, StoredObject, document_key, file_key, result_key
from jobs.errors import (
    AWS_ERRORS,
    DocumentMissing,
    InvalidRequest,
    JobNotFound,
    KeyReused,
    MoveRefused,
    NoJobs,
    NoResult,
    NoSuchFile,
    NotFinished,
    QueueFull,
    ResultGone,
    TextGone,
)
from jobs.idempotency import digest_of, job_id_of
from jobs.listing import Census, JobFilter, JobList, Page
from jobs.model import Job, Stats, Status
from jobs.queue import JobQueue
from jobs.request import JobRequest, check_text, resolve_pack
from jobs.settings import Settings
from jobs.store import JobStore
from jobs.tracing import current_trace

logger = Logger()

#: A caller waits for the answer, so AWS gets seconds and not minutes to give one.
CALLERS_PATIENCE = Config(connect_timeout=2, read_timeout=8, retries={"mode": "standard", "total_max_attempts": 3})

#: The signature that S3 takes on presigned URLs in every region.
SIGNED_FOR_S3 = CALLERS_PATIENCE.merge(Config(signature_version="s3v4"))

#: Presigned URLs name the bucket's address in its region. Otherwise they name S3's global one, which never answers for
#: newer regions, and for a new bucket outside us-east-1 only after hours.
SIGNED_FOR_AWS = SIGNED_FOR_S3.merge(Config(s3={"addressing_style": "virtual"}))

#: Seconds between two looks at a job that is watched.
LOOK_AGAIN = 0.5

#: How often a job that is called off may go from waiting to running or back meanwhile.
CHANGES_OF_HAND = 3

#: How job ids are written: UUIDs in lower case, with hyphens.
JOB_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _new_job_id() -> str:
    return str(uuid.uuid4())


def _signed_for_s3() -> Config:
    # An endpoint of one's own, such as localhost, has no names for buckets.
    elsewhere = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    return SIGNED_FOR_S3 if elsewhere else SIGNED_FOR_AWS


@dataclass(frozen=True)
class JobService:
    """The jobs of one deployment, as callers see them."""

    settings: Settings
    store: JobStore
    documents: DocumentStore
    queue: JobQueue
    listing: JobList
    callbacks: CallbackDesk
    clock: Clock = utc_now
    new_job_id: Callable[[], str] = _new_job_id
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def connect(cls, settings: Settings) -> Self:
        """Return the service over AWS, or over whatever `AWS_ENDPOINT_URL` names."""
        session = boto3.Session()
        dynamodb = session.client("dynamodb", config=CALLERS_PATIENCE)
        sqs = session.client("sqs", config=CALLERS_PATIENCE)
        return cls(
            settings=settings,
            store=JobStore(dynamodb, settings.table, timedelta(seconds=settings.job_ttl_seconds)),
            documents=DocumentStore(session.client("s3", config=_signed_for_s3()), settings.bucket),
            queue=JobQueue(sqs, settings.queue_url, settings.worker_concurrency),
            listing=JobList(dynamodb, settings.table),
            callbacks=CallbackDesk(
                Outbox(dynamodb, settings.table),
                SecretStore(dynamodb, settings.table),
                CallbackQueue(sqs, settings.callback_queue_url),
            ),
        )

    def submit(self, request: JobRequest, text: str, tenant: str) -> Job:
        """Store the text and the job and queue it; return the job, which nothing will lose from now on.

        Raises InvalidRequest or QueueFull; then nothing is stored.
        """
        job = self._new_job(self.new_job_id(), request, text, tenant)
        self._store(job, text)
        self._wake_worker(job)
        return job

    def submit_once(self, request: JobRequest, text: str, tenant: str, idempotency_key: str) -> Job:
        """Submit unless the tenant's key stands for a job already; return the key's job either way.

        Raises as `submit` does, or KeyReused when the key stands for another request.
        """
        job_id, digest = self.keyed_job_id(idempotency_key, tenant), digest_of(request, text)
        job = self.find(job_id)
        if job is None:
            job = self._new_job(job_id, request, text, tenant).evolve(request_digest=digest)
            try:
                self._store(job, text)
            except MoveRefused as refused:
                if refused.job is None:
                    raise
                job = refused.job
        if job.request_digest != digest:
            raise KeyReused
        if job.status is Status.PENDING:  # whoever stored it may have died before its message was sent
            self._wake_worker(job)
        return job

    def keyed_job_id(self, idempotency_key: str, tenant: str) -> str:
        """Return the id of the job that the tenant's key stands for, whether or not there is one yet."""
        return job_id_of(idempotency_key, tenant, self._secret)

    def find(self, job_id: str) -> Job | None:
        """Return the job as it stands, whoever's it is; None where there is none, or none any more."""
        try:
            return self.store.get(job_id, self.clock())
        except JobNotFound:
            return None

    def _wake_worker(self, job: Job, occasion: str = "") -> None:
        """Send a waiting job's message; a worker that is woken twice looks at the record.

        The job waits even if that fails, and the janitor sends the message within minutes. So its record is left as it
        is: nobody could tell whether SQS took the message, or whether another one has woken a worker for it.
        """
        try:
            self.queue.send(job.job_id, occasion)
        except AWS_ERRORS as error:
            logger.warning("A job was not queued; the janitor will", job_id=job.job_id, exc_info=error)

    def _new_job(self, job_id: str, request: JobRequest, text: str, tenant: str) -> Job:
        check_text(text, self.settings)
        check_callback_url(request.callback_url, loopback=self.settings.loopback_callbacks)
        pack, warnings = resolve_pack(request, self.settings)
        return Job(
            job_id=job_id,
            tenant=tenant,
            status=Status.PENDING,
            submitted_at=self.clock(),
            document_key=document_key(job_id, upload=secrets.token_hex(4)),
            characters=len(text),
            model=request.model,
            pack=pack,
            pipeline=request.pipeline,
            options=request.options.to_domain(),
            book_id=request.book_id,
            callback_url=request.callback_url,
            trace=current_trace(),
            warnings=warnings,
        )

    def _store(self, job: Job, text: str) -> None:
        # The text goes first, so that whoever sees the record can read it. It is taken back only when the record was
        # surely not written: after a time-out it may have been, and an orphaned text expires by itself.
        self.documents.put_text(job.document_key, text)
        try:
            self.store.submit(job, self.settings.max_queue_size)
        except (InvalidRequest, QueueFull, MoveRefused):
            self.documents.delete_text(job.document_key)
            raise

    def get(self, job_id: str, tenant: str) -> Job:
        """Return the tenant's job as it stands now; raises JobNotFound, also for another tenant's."""
        if not JOB_ID.fullmatch(job_id):
            raise JobNotFound(job_id)
        job = self.store.get(job_id, self.clock())
        if job.tenant != tenant:
            raise JobNotFound(job_id)
        return job

    def page(self, tenant: str, query: JobFilter, limit: int, cursor: str | None = None) -> Page:
        """Return a page of the tenant's jobs that match, newest first; raises InvalidRequest for a foreign cursor."""
        after = None if cursor is None else opened(cursor, tenant, query, self._secret)
        found = self.listing.newest(tenant, query, self.clock(), limit + 1, after)
        jobs, more = tuple(found[:limit]), len(found) > limit
        return Page(jobs, sealed(jobs[-1].place, tenant, query, self._secret) if more else None)

    def latest(self, tenant: str, book_id: str | None = None) -> Job:
        """Return the tenant's newest job, or its newest of one book; raises NoJobs."""
        newest = self.listing.newest(tenant, JobFilter(book_id=book_id), self.clock(), limit=1)
        if not newest:
            raise NoJobs
        return newest[0]

    @cached_property
    def _secret(self) -> bytes:
        return self.store.signing_key()

    def watch(self, job_id: str, tenant: str, seconds: float) -> Job:
        """Return the tenant's job once its status, stage or whole percent has changed, or after that many seconds.

        A job that has ended is returned at once. Raises JobNotFound.
        """
        until = self.clock() + timedelta(seconds=seconds)
        seen = job = self.get(job_id, tenant)
        while not job.status.ended and _shown(job) == _shown(seen) and self.clock() < until:
            self.sleep(LOOK_AGAIN)
            job = self.get(job_id, tenant)
        return job

    def await_end(self, job: Job, until: datetime) -> Job:
        """Return the job once it has ended, or as it stands at that time; raises JobNotFound when it is gone."""
        while not job.status.ended and self.clock() < until:
            self.sleep(LOOK_AGAIN)
            job = self.get(job.job_id, job.tenant)
        return job

    def queue_position(self, job: Job) -> int | None:
        """Return 1 for the next to run, 2 for the one after it, None for a job that does not wait."""
        return self.queue_positions([job]).get(job.job_id)

    def queue_positions(self, jobs: Iterable[Job]) -> Mapping[str, int]:
        """Return the places of those of the jobs that wait, by their ids; as `queue_position`."""
        pending = {job.job_id for job in jobs if job.status is Status.PENDING}
        waiting = self.store.waiting() if pending else []
        return {job_id: place for place, job_id in enumerate(waiting, start=1) if job_id in pending}

    def cancel(self, job_id: str, tenant: str) -> Job:
        """Call off a pending job and return it; raises JobNotFound, or MoveRefused once it runs or has ended.

        Its text is kept until the job expires, so that it can be retried.
        """
        job = self.get(job_id, tenant)
        if job.status.ended:
            raise MoveRefused("be cancelled", job_id, job)
        return self.store.cancel(job, self.clock())

    def stop(self, job_id: str, tenant: str) -> Job:
        """Call off a job whether it waits or runs; a running one is stopped by its worker within seconds.

        Asking again changes nothing. Raises JobNotFound, or MoveRefused for a job that came to another end.
        """
        job = self.get(job_id, tenant)
        for _ in range(CHANGES_OF_HAND):
            if job.status is Status.CANCELLED:
                return job
            if job.status.ended:
                raise MoveRefused("be cancelled", job_id, job)
            try:
                return self._stop(job)
            except MoveRefused as refused:
                # Between the look and the write it was claimed, given back or ended: what it is now decides.
                if refused.job is None:
                    raise
                job = refused.job
        return self._stop(job)

    def _stop(self, job: Job) -> Job:
        if job.status is Status.RUNNING:
            return self.store.request_cancel(job)
        return self.store.cancel(job, self.clock())

    def retry(self, job_id: str, tenant: str) -> Job:
        """Queue a failed or cancelled job again and return it; it goes on after its last whole stage.

        Raises JobNotFound, MoveRefused for any other job, TextGone or QueueFull.
        """
        ended = self.get(job_id, tenant)
        if ended.status is Status.EXPIRED:  # its record may not say so yet
            raise MoveRefused("be retried", job_id, ended)
        try:
            self.documents.locate(ended.document_key)
        except DocumentMissing as missing:
            raise TextGone(ended) from missing
        job = self.store.retry(ended, self.clock(), self.settings.max_queue_size)
        self._wake_worker(job, occasion=f"@{isoformat(self.clock())}")
        return job

    def discard(self, job_id: str, tenant: str) -> None:
        """Delete an ended job's text and results now; the job reads as expired from then on.

        Raises JobNotFound, ResultGone when it has expired already, or MoveRefused for a job that has not ended.
        """
        job = self.get(job_id, tenant)
        if job.status is Status.EXPIRED:
            raise ResultGone(job)
        self.store.discard(job, self.clock())
        self.documents.delete_all(job_id)

    @property
    def lease_time(self) -> timedelta:
        """How long a worker's lease lasts without a heartbeat."""
        return timedelta(seconds=self.settings.lease_seconds)

    def result(self, job_id: str, tenant: str) -> StoredObject:
        """Return where the job's result is: gzipped JSON, the whole body of the answer to its caller.

        Raises JobNotFound, NotFinished, NoResult when the job ended without one, or ResultGone.
        """
        job = self.get(job_id, tenant)
        epoch = _published_epoch(job)
        try:
            return self.documents.locate(result_key(job_id, epoch))
        except DocumentMissing as missing:
            raise ResultGone(job) from missing

    def file(self, job_id: str, tenant: str, name: str) -> StoredObject:
        """Return where one of BookNLP's own files is, gzipped; raises as `result` does, or NoSuchFile."""
        epoch = _published_epoch(self.get(job_id, tenant))
        if name not in FILES:
            raise NoSuchFile(f"There is no file of that name; the files are {', '.join(FILES)}.")
        try:
            return self.documents.locate(file_key(job_id, epoch, name))
        except DocumentMissing as missing:
            raise NoSuchFile(f"This job made no file '{name}': its pipeline did not include the task.") from missing

    def stats(self, tenant: str | None) -> Stats:
        """Return the tenant's counts by state, or for None everyone's of a moment ago, and whether a worker lives."""
        now = self.clock()
        counts = self._census.counts(now) if tenant is None else self.listing.counts(tenant, now)
        return Stats(**counts, worker_running=self.worker_heard())

    @cached_property
    def _census(self) -> Census:
        return Census(self.listing)

    def worker_heard(self) -> bool:
        """Whether a worker was heard of within its lease time."""
        return self.store.worker_heard_since(self.clock() - self.lease_time)

    def queue_size(self) -> int:
        """Return how many jobs wait, whoever's they are."""
        return len(self.store.waiting())


def _shown(job: Job) -> tuple[Status, str | None, int]:
    """Return what a watcher is told of."""
    return job.status, job.stage, int(job.progress)


def _published_epoch(job: Job) -> int:
    match job.status:
        case Status.PENDING | Status.RUNNING:
            raise NotFinished(job)
        case Status.FAILED | Status.CANCELLED:
            raise NoResult(job)
    if job.status is Status.EXPIRED or job.result_epoch is None:
        raise ResultGone(job)
    return job.result_epoch
