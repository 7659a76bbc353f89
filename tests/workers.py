"""What the tests of the worker share: a deployment of its own resources, and a look at what became of its jobs."""

import gzip
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest

from gpu_worker.consumer import Consumer
from gpu_worker.settings import WorkerSettings
from infra.local import emulator
from jobs.documents import file_key, result_key
from jobs.model import Job
from jobs.queue import JobQueue
from jobs.request import JobRequest
from jobs.service import JobService
from tests.resources import create_resources

REQUEST = JobRequest(model="mini")
TENANT = "public"


@contextmanager
def emulated(port: int) -> Iterator[None]:
    """Let this process and its children reach the emulator on the port as their AWS."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in emulator.client_environment(port).items():
            patch.setenv(name, value)
        yield


@dataclass(frozen=True)
class Deployment:
    """Fresh resources with short leases, and the service over them."""

    settings: WorkerSettings
    service: JobService
    dead_letters: JobQueue

    @classmethod
    def create(cls, packs: Path, **settings: Any) -> Self:
        """Create the resources at the environment's AWS; `packs` gets a folder that passes for the pack `mini`."""
        (packs / "mini").mkdir()
        shared = create_resources(lease_seconds=3, **settings)
        dead_letters = shared.queue_url.replace("/jobs-", "/dead-")
        mine = WorkerSettings(**shared.model_dump(), pack_dir=packs, dead_letter_queue_url=dead_letters)
        service = JobService.connect(mine)
        return cls(mine, service, JobQueue(service.queue.client, dead_letters))

    def submit(self, text: str) -> Job:
        return self.service.submit(REQUEST, text, TENANT)

    def job(self, job: Job) -> Job:
        """Return the job as it is now."""
        return self.service.get(job.job_id, TENANT)

    def result(self, job: Job) -> dict[str, Any]:
        """Return the body that the record names as the result."""
        body: dict[str, Any] = json.loads(self._unzipped(result_key(job.job_id, self._epoch(job))))
        return body

    def file(self, job: Job, name: str) -> str:
        return self._unzipped(file_key(job.job_id, self._epoch(job), name)).decode()

    def objects(self, prefix: str) -> list[str]:
        documents = self.service.documents
        listed = documents.client.list_objects_v2(Bucket=documents.bucket, Prefix=prefix)
        return [found["Key"] for found in listed.get("Contents", [])]

    def messages(self) -> tuple[int, int]:
        """Return how many messages the queue holds: to be received, in flight."""
        queue = self.service.queue
        counts = queue.client.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["All"])["Attributes"]
        return int(counts["ApproximateNumberOfMessages"]), int(counts["ApproximateNumberOfMessagesNotVisible"])

    def _epoch(self, job: Job) -> int:
        epoch = self.job(job).result_epoch
        assert epoch is not None, f"{job.job_id} has no result"
        return epoch

    def _unzipped(self, key: str) -> bytes:
        documents = self.service.documents
        stored = documents.client.get_object(Bucket=documents.bucket, Key=key)
        assert stored["ContentEncoding"] == "gzip"
        return gzip.decompress(stored["Body"].read())


def consume(consumer: Consumer, until: Callable[[], bool], seconds: float = 15) -> None:
    """Consume until something is so."""
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, "it did not come to pass"
        consumer.consume_one()


def finish(consumer: Consumer, deployment: Deployment, job: Job) -> Job:
    """Consume until the job has ended and its message is acknowledged; return the job."""
    consume(consumer, lambda: deployment.job(job).status.ended and deployment.messages() == (0, 0))
    return deployment.job(job)
