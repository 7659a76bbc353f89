"""What callers can do with jobs: submit one, look at it, call it off, count them. Both ways in stand on this."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from jobs.clock import Clock, utc_now
from jobs.documents import DocumentStore, document_key
from jobs.errors import JobNotFound, QueueUnavailable
from jobs.model import Job, Stats, Status
from jobs.queue import JobQueue
from jobs.request import JobRequest, check_text, resolve_pack
from jobs.settings import Settings
from jobs.store import JobStore


def _new_job_id() -> str:
    return str(uuid.uuid4())


@dataclass(frozen=True)
class JobService:
    """The jobs of one deployment, as callers see them."""

    settings: Settings
    store: JobStore
    documents: DocumentStore
    queue: JobQueue
    clock: Clock = utc_now
    new_job_id: Callable[[], str] = _new_job_id

    @classmethod
    def connect(cls, settings: Settings) -> Self:
        """Return the service over AWS, or over whatever `AWS_ENDPOINT_URL` names."""
        session = boto3.Session()
        return cls(
            settings=settings,
            store=JobStore(session.client("dynamodb"), settings.table, timedelta(seconds=settings.job_ttl_seconds)),
            documents=DocumentStore(session.client("s3"), settings.bucket),
            queue=JobQueue(session.client("sqs"), settings.queue_url),
        )

    def submit(self, request: JobRequest, text: str, tenant: str) -> Job:
        """Store the text and the job and queue it; return the job, which nothing will lose from now on.

        Raises InvalidRequest, QueueFull, or QueueUnavailable; then nothing is stored.
        """
        check_text(text, self.settings)
        pack, warnings = resolve_pack(request, self.settings)
        job_id = self.new_job_id()
        job = Job(
            job_id=job_id,
            tenant=tenant,
            status=Status.PENDING,
            submitted_at=self.clock(),
            document_key=document_key(job_id),
            characters=len(text),
            model=request.model,
            pack=pack,
            pipeline=request.pipeline,
            options=request.options.to_domain(),
            book_id=request.book_id,
            warnings=warnings,
        )
        self._accept(job, text)
        return job

    def _accept(self, job: Job, text: str) -> None:
        # The text goes first: whoever sees the record can read it. A refused job's text is taken back.
        self.documents.put_text(job.job_id, text)
        try:
            self.store.submit(job, self.settings.max_queue_size)
        except Exception:
            self.documents.delete_all(job.job_id)
            raise
        try:
            self.queue.send(job.job_id)
        except (BotoCoreError, ClientError) as error:
            self.store.withdraw(job)
            self.documents.delete_all(job.job_id)
            raise QueueUnavailable from error

    def get(self, job_id: str, tenant: str) -> Job:
        """Return the tenant's job as it stands now; raises JobNotFound, also for another tenant's."""
        job = self.store.get(job_id, self.clock())
        if job.tenant != tenant:
            raise JobNotFound(job_id)
        return job

    def queue_position(self, job: Job) -> int | None:
        """Return 1 for the next to run, 2 for the one after it, None for a job that does not wait."""
        if job.status is not Status.PENDING:
            return None
        waiting = self.store.waiting()
        return waiting.index(job.job_id) + 1 if job.job_id in waiting else None

    def cancel(self, job_id: str, tenant: str) -> Job:
        """Call off a pending job and return it; raises JobNotFound, or MoveRefused once it runs or has ended."""
        job = self.store.cancel(self.get(job_id, tenant), self.clock())
        self.documents.delete_all(job_id)
        return job

    @property
    def lease_time(self) -> timedelta:
        """How long a worker's lease lasts without a heartbeat."""
        return timedelta(seconds=self.settings.lease_seconds)

    def stats(self, tenant: str) -> Stats:
        """Return the tenant's counts by state and whether a worker lives."""
        return self.store.stats(tenant, self.clock(), self.lease_time)

    def queue_size(self) -> int:
        """Return how many jobs wait, whoever's they are."""
        return len(self.store.waiting())
