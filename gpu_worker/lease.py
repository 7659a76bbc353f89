"""The heartbeat of a running job: a thread that keeps its lease, its message and the worker's sign of life together.

Each tick, a second apart, does one of three things: renews the lease (every third of its time), writes progress,
or only looks at the record. Each of them tells the job as it is, so a request to cancel and the loss of the lease
are noticed within a tick.
"""

import threading
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from gpu_worker.connections import Connections
from gpu_worker.errors import CancelRequested
from gpu_worker.logs import logger
from gpu_worker.progress import ProgressReport
from gpu_worker.protocol import Advanced
from gpu_worker.sign_of_life import SignOfLife
from jobs.errors import AWS_ERRORS, JobNotFound, LeaseLost
from jobs.model import Job, Lease, Status
from jobs.queue import Message

#: Seconds between two ticks: a request to cancel has five seconds to take effect.
TICK = 1.0


class Heartbeat:
    """Keeps one lease, as a context: it beats from entry to exit, after which no write of its thread is under way."""

    def __init__(self, connections: Connections, sign: SignOfLife, message: Message, lease: Lease) -> None:
        self._connections = connections
        self._sign = sign
        self._message = message
        self._lease = lease
        self._expires_at = lease.expires_at
        self._renewed_at: datetime | None = None
        self._report = ProgressReport()
        self._cancel_requested = False
        self._lost: LeaseLost | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def note(self, advanced: Advanced) -> None:
        """Take in how far the engine is; the record is told when it is due."""
        self._report.note(advanced)

    def check(self) -> None:
        """Return if the job may go on; raises LeaseLost or CancelRequested."""
        if self._lost is not None:
            raise self._lost
        if self._cancel_requested:
            raise CancelRequested

    def _beat(self) -> None:
        while self._lost is None:
            try:
                self.tick()
            except AWS_ERRORS:
                logger.warning("a heartbeat failed", exc_info=True)
            except Exception:
                # Silence would let the lease run out under a healthy engine for an error that may pass.
                logger.exception("a heartbeat met an internal error")
            if self._over.wait(TICK):
                return

    def tick(self) -> None:
        """Renew what is due and take in what the record says; raises what AWS's client raises."""
        self._sign.give()
        now = self._connections.clock()
        try:
            job = self._write(now)
        except LeaseLost as lost:
            self._lost = lost
            return
        except JobNotFound:
            self._lost = LeaseLost("keep its lease", self._lease.job_id, None)
            return
        if job.lease_epoch != self._lease.epoch or job.status is not Status.RUNNING:
            self._lost = LeaseLost("keep its lease", job.job_id, job)
        self._cancel_requested = job.cancel_requested

    def _write(self, now: datetime) -> Job:
        """Return the job as it is after what was due."""
        store, settings = self._connections.store, self._connections.settings
        renew = self._renewed_at is None or now - self._renewed_at >= timedelta(seconds=settings.beat_seconds)
        expires_at = now + timedelta(seconds=settings.lease_seconds) if renew else self._expires_at
        progress = self._report.due(now)
        if not renew and progress is None:
            return store.get(self._lease.job_id, now)
        job = store.beat(self._lease, expires_at, progress)
        if progress is not None:
            self._report.told(progress, now)
        if renew:
            self._expires_at, self._renewed_at = expires_at, now
            # The message after the lease: when it shows again, the lease has run out and the job can be taken.
            self._connections.queue.extend(self._message, settings.lease_seconds)
        return job
