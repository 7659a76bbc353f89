"""What a worker is connected to: the table, the bucket and the queues of its deployment."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

import boto3
from botocore.config import Config

from gpu_worker.settings import WorkerSettings
from gpu_worker.traces import Tracer
from jobs.clock import Clock, utc_now
from jobs.documents import DocumentStore
from jobs.queue import JobQueue
from jobs.store import JobStore

#: No call may outlast a lease of usual length: a heartbeat that hangs is worse than one that fails.
CALLS = Config(connect_timeout=3, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 3})


#: A trace is not worth waiting for, as when the worker's network leads to X-Ray by no way.
TRACES = Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 1})


@dataclass(frozen=True)
class Connections:
    """The deployment as the worker sees it."""

    settings: WorkerSettings
    store: JobStore
    documents: DocumentStore
    queue: JobQueue
    tracer: Tracer
    #: Where a copy of the message of a job goes that used up its attempts.
    dead_letters: JobQueue | None = None
    clock: Clock = utc_now

    @classmethod
    def connect(cls, settings: WorkerSettings) -> Self:
        """Return the connections to AWS, or to whatever `AWS_ENDPOINT_URL` names. Makes no call yet."""
        session = boto3.Session()
        sqs = session.client("sqs", config=CALLS)
        dead_letters = settings.dead_letter_queue_url
        ttl = timedelta(seconds=settings.job_ttl_seconds)
        return cls(
            settings=settings,
            store=JobStore(session.client("dynamodb", config=CALLS), settings.table, ttl),
            documents=DocumentStore(session.client("s3", config=CALLS), settings.bucket),
            queue=JobQueue(sqs, settings.queue_url, settings.worker_concurrency),
            tracer=Tracer(session.client("xray", config=TRACES)),
            dead_letters=JobQueue(sqs, dead_letters) if dead_letters else None,
        )
