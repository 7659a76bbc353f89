"""The worker's loop: receive one message, look at the records, claim a job, run it, publish it, acknowledge.

A step may be the last before the worker dies, so each leaves what the next worker needs:

    dies before     what the next worker finds                          what it does
    claim           a pending job, its message back after a while       claims it
    publish         a running job whose lease ran out                   claims it, resumes from its checkpoints
    tidy            an ended job                                        tidies, acknowledges
    acknowledge     an ended job                                        acknowledges
"""

import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from botocore.exceptions import ClientError

from gpu_worker import metrics, publishing, retries
from gpu_worker.attempt import Attempt
from gpu_worker.connections import Connections
from gpu_worker.engine_process import EngineProcess
from gpu_worker.errors import CancelRequested, ShutdownRequested
from gpu_worker.lease import Heartbeat
from gpu_worker.logs import begin_job, end_job, logger
from gpu_worker.retries import jittered, persist
from gpu_worker.scratch import Scratch
from gpu_worker.shutdown import Shutdown
from gpu_worker.sign_of_life import SignOfLife
from gpu_worker.task_protection import TaskProtection
from gpu_worker.timeline import Timeline
from gpu_worker.triage import Claim, Drop, GiveBack, places_taken, triage
from jobs.errors import AWS_ERRORS, JobNotFound, LeaseLost, MoveRefused, UnreadableRecord
from jobs.model import Job, Lease, Outcome, Status
from jobs.queue import Message
from jobs.table import is_unwritable

#: Seconds of one long poll. Short, since a message that SQS hands to a poll whose worker has just gone stays hidden
#: for a whole lease; a poll every two seconds costs less than a dollar a month.
POLL = 2

#: Seconds to wait after AWS could not be reached.
PAUSE = 5

#: A worker outside ECS has no task that could be protected.
UNPROTECTED = TaskProtection()


class Consumer:
    """A consumer of the job queue: one message, one job at a time."""

    def __init__(
        self,
        connections: Connections,
        engine: EngineProcess,
        shutdown: Shutdown,
        worker_id: str,
        protection: TaskProtection = UNPROTECTED,
    ) -> None:
        settings = connections.settings
        self._connections = connections
        self._engine = engine
        self._shutdown = shutdown
        self._worker_id = worker_id
        self._protection = protection
        self._busy_at = time.monotonic()
        self._unwritable: set[str] = set()
        self._sign = SignOfLife(
            connections.store, worker_id, connections.clock, settings.beat_seconds, settings.alive_file
        )

    def run(self) -> None:
        """Consume until the worker is asked to stop, or had nothing to do for as long as its settings allow."""
        try:
            self._engine.start()
            while not self._shutdown.requested and not self._idle_for_too_long():
                self._sign.give()
                self.consume_one()
        finally:
            self._engine.kill()
            self._sign.end()

    def consume_one(self) -> None:
        """Wait a moment for a message, and do what it wakes this worker for."""
        settings = self._connections.settings
        wait = min(POLL, int(settings.beat_seconds))
        try:
            if self._all_places_taken():
                self._shutdown.wait(wait)
                return
            message = self._connections.queue.receive(settings.lease_seconds, wait)
            if message is not None:
                self._handle(message)
                self._busy_at = time.monotonic()
        except AWS_ERRORS:
            # Nothing is lost: the message shows again when its time runs out, and the record tells what to do.
            logger.warning("AWS did not answer; trying again in a moment", exc_info=True)
            self._shutdown.wait(jittered(PAUSE))

    def _all_places_taken(self) -> bool:
        """Whether a message could only be given back, and each receipt brings it nearer to the dead-letter queue.

        Where one book is read at a time SQS sees to it by itself: the message of that book blocks all others.
        """
        concurrency, now = self._connections.settings.worker_concurrency, self._connections.clock()
        return concurrency > 1 and places_taken(self._unfinished(now), now) >= concurrency

    def _idle_for_too_long(self) -> bool:
        allowed = self._connections.settings.idle_exit_seconds
        return allowed is not None and time.monotonic() - self._busy_at > allowed

    def _handle(self, message: Message) -> None:
        """Do what the records say, job by job, until the message's own job has ended or must wait."""
        in_hand = True
        while in_hand:
            now = self._connections.clock()
            woken_for = self._find(message)
            concurrency = self._connections.settings.worker_concurrency
            claimable = (job for job in self._unfinished(now) if job.job_id not in self._unwritable)
            match triage(woken_for, claimable, concurrency, now):
                case Drop():
                    self._drop(message, woken_for)
                    in_hand = False
                case GiveBack(seconds):
                    self._give_back(message, seconds)
                    in_hand = False
                case Claim(job):
                    with self._protection.held():  # from before the claim, so that no job runs unprotected
                        in_hand = self._run(job, message)

    def _unfinished(self, now: datetime) -> Iterator[Job]:
        """Yield the jobs that run, then those that wait; one that cannot be read holds up none behind it."""
        for job_id in self._connections.store.unfinished():
            try:
                yield self._connections.store.get(job_id, now)
            except JobNotFound:
                continue
            except UnreadableRecord:
                logger.exception("the job's record cannot be read; the job is passed over", job_id=job_id)

    def _find(self, message: Message) -> Job | None:
        if message.job_id is None:
            logger.warning("a message that names no job is dropped")
            return None
        try:
            return self._connections.store.get(message.job_id, self._connections.clock())
        except (JobNotFound, UnreadableRecord):
            return None

    def _run(self, job: Job, message: Message) -> bool:
        """Try to take a job to its end; return whether the message is still in hand."""
        if self._shutdown.requested:
            self._give_back(message, 0)
            return False
        now, lease_time = self._connections.clock(), timedelta(seconds=self._connections.settings.lease_seconds)
        try:
            job, lease = self._connections.store.claim(job, self._worker_id, now, lease_time)
        except MoveRefused:
            return True  # it was called off, or another worker was quicker: look at the records anew
        except ClientError as error:
            if not is_unwritable(error):
                raise
            # It is the oldest, and would be the first to be tried for ever: this worker goes on with the others.
            logger.exception("the job's record cannot be written; the job is passed over", job_id=job.job_id)
            self._unwritable.add(job.job_id)
            return True
        begin_job(job)
        logger.info("claimed")
        metrics.job_claimed(job, now)
        timeline = Timeline(self._connections.clock, now)
        try:
            return self._work(job, lease, message, timeline)
        except LeaseLost as lost:
            # The message is another worker's by now, or it will be: it is left alone.
            logger.warning("the lease was lost: nothing of this attempt is kept")
            publishing.withdraw(self._connections, lease, lost)
            return False
        finally:
            self._connections.tracer.send(job, timeline, self._connections.clock())
            end_job()

    def _work(self, job: Job, lease: Lease, message: Message, timeline: Timeline) -> bool:
        """Run a claimed job to its end or give it back; as `_run`. Raises LeaseLost."""
        store, clock = self._connections.store, self._connections.clock
        try:
            outcome = self._attempt(job, lease, message, timeline)
            ended = publishing.publish(self._connections, lease, outcome)
        except LeaseLost:
            raise
        except CancelRequested:
            ended = persist(lambda: store.stop(lease, clock()))
        except ShutdownRequested:
            persist(lambda: store.release(job, lease))
            logger.info("given back, since the worker stops")
            self._give_back(message, 0)
            return False
        except Exception as error:  # whatever went wrong ends an attempt, not the worker
            timeline.failed = True
            return self._fail(job, lease, message, error)
        logger.info("ended", status=ended.status)
        metrics.job_ended(ended)
        return True

    def _attempt(self, job: Job, lease: Lease, message: Message, timeline: Timeline) -> Outcome:
        """Return once the results are stored; the heartbeat covers everything up to there."""
        self._engine.home.mkdir(mode=0o700, exist_ok=True)  # empty for days, it may have been tidied away with /tmp
        with (
            tempfile.TemporaryDirectory(dir=self._engine.home) as folder,
            Heartbeat(self._connections, self._sign, message, lease) as heartbeat,
        ):
            scratch = Scratch(Path(folder))
            attempt = Attempt(self._connections, self._engine, heartbeat, self._shutdown, scratch, timeline)
            outcome = attempt.run(job, lease)
            publishing.store_results(self._connections, lease, scratch)
            heartbeat.check()
            return outcome

    def _fail(self, job: Job, lease: Lease, message: Message, error: Exception) -> bool:
        """End a job or give it back, as its error and its earlier failures demand; as `_run`. Raises LeaseLost."""
        store, settings = self._connections.store, self._connections.settings
        reason, failures = retries.reason(error), job.failures + 1
        logger.warning("the attempt failed", reason=reason, exc_info=error)
        metrics.attempt_failed(job)
        match retries.decide(retries.kind_of(error), failures, settings.max_failures):
            case retries.Fail(exhausted):
                counted = failures if exhausted else None
                metrics.job_ended(persist(lambda: store.fail(lease, reason, self._connections.clock(), counted)))
                return True
            case retries.Retry(wait):
                pause = jittered(wait)
                # The message alone would not keep it: where several are read at once, those of other jobs wake for it.
                not_before = self._connections.clock() + timedelta(seconds=pause)
                persist(lambda: store.release(job, lease, reason, not_before))
                self._give_back(message, pause)
                return False

    def _drop(self, message: Message, job: Job | None) -> None:
        """Clear up behind the message's own job, which has ended or is gone, and acknowledge the message."""
        if job is not None:
            publishing.tidy(self._connections, job)
            self._copy_to_dead_letters(job)
        self._connections.queue.acknowledge(message)

    def _copy_to_dead_letters(self, job: Job) -> None:
        """Copy the message of a job that used up its attempts to the dead-letter queue."""
        dead_letters = self._connections.dead_letters
        used_up = job.status is Status.FAILED and job.failures >= self._connections.settings.max_failures
        if dead_letters is not None and used_up:
            dead_letters.send(job.job_id)

    def _give_back(self, message: Message, seconds: int) -> None:
        """Hide the message for that long. The group's other messages wait behind it, so the order is kept."""
        self._connections.queue.extend(message, seconds)
