"""Jobs in any state, brought there through the job core's own moves, as a worker would."""

import gzip
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from jobs.documents import file_key, result_key
from jobs.model import Job, Lease, Outcome, Progress
from jobs.request import JobRequest
from jobs.service import JobService
from tests.conftest import SettableClock

TENANT = "public"
LEASE_TIME = timedelta(seconds=60)

RESULT: dict[str, Any] = {
    "tokens": [],
    "entities": [{"COREF": 1, "start_token": 0, "end_token": 0, "prop": "PROP", "cat": "PER", "text": "Renée"}],
    "quotes": [],
    "characters": [],
    "events": [],
    "supersenses": [],
}


@dataclass(frozen=True)
class JobsAtHand:
    """Makes jobs and moves them on."""

    service: JobService
    clock: SettableClock

    def pending(self, tenant: str = TENANT, text: str = "A text.", **fields: Any) -> Job:
        return self.service.submit(JobRequest(**{"model": "mini", **fields}), text, tenant)

    def running(self, **fields: Any) -> tuple[Job, Lease]:
        return self.claim(self.pending(**fields))

    def claim(self, job: Job) -> tuple[Job, Lease]:
        return self.service.store.claim(job, "worker", self.clock(), LEASE_TIME)

    def beat(self, lease: Lease, progress: Progress) -> Job:
        return self.service.store.beat(lease, self.clock() + LEASE_TIME, progress)

    def halfway(self) -> Job:
        _, lease = self.running()
        return self.beat(lease, Progress(stage="coref", percent=45.04, eta_seconds=12.5))

    def completed(self, body: bytes | None = None, files: dict[str, str] | None = None, **fields: Any) -> Job:
        """Return a completed job; `body` is its stored result, gzip already, by default a small one."""
        job, lease = self.running(**fields)
        return self.finish(job, lease, body, files)

    def finish(self, job: Job, lease: Lease, body: bytes | None = None, files: dict[str, str] | None = None) -> Job:
        """Complete a running job as a worker does."""
        stored = gzip.compress(self.result_text(job).encode()) if body is None else body
        documents = self.service.documents
        documents.put(result_key(job.job_id, lease.epoch), stored, "application/json", "gzip")
        for name, text in (files or {}).items():
            documents.put(file_key(job.job_id, lease.epoch, name), gzip.compress(text.encode()), "text/plain", "gzip")
        return self.service.store.publish(lease, Outcome(2, self.clock(), 1500))

    def failed(self, reason: str, **fields: Any) -> Job:
        _, lease = self.running(**fields)
        return self.service.store.fail(lease, reason, self.clock())

    def expired(self) -> Job:
        job = self.completed()
        self.clock.advance(self.service.settings.job_ttl_seconds)
        return job

    @staticmethod
    def result_text(job: Job, result: dict[str, Any] = RESULT) -> str:
        """Return the body that a worker stores as the job's result."""
        return json.dumps(
            {
                "job_id": job.job_id,
                "status": "completed",
                "result": result,
                "submitted_at": "2026-01-20T10:00:00.000Z",
                "started_at": "2026-01-20T10:00:01.000Z",
                "completed_at": "2026-01-20T10:00:02.500Z",
                "processing_time_ms": 1500,
                "token_count": 2,
            },
            ensure_ascii=False,
        )
