"""Where jobs are kept: one DynamoDB table, every move of a job ONE conditional write.

      pending --claim--> running --publish--> completed --expire--> expired
       | ^                | | |-----fail----> failed -----expire-->
       | |----release-----| |-------stop----> cancelled --expire-->
       |-------------cancel-----------------> cancelled

    Where no worker does it: `take_back` leads from running to pending once a lease ran out, `bury` from pending and
    running to failed when no worker survives the job, and `reject` stores a job that failed before it could wait.
    `retry` leads from failed and cancelled back to pending, `discard` from every end to expired before its time;
    `request_cancel` leaves a running job running, for its worker to `stop`. `sweep` leaves an expired job expired,
    with nothing in the bucket any more.

A write that its condition refuses raises `MoveRefused` (`LeaseLost` for a worker's writes) carrying the record as
it stood. Asking again for an end that a job already came to is a no-op.

A move that ends a job which came with an address to call back puts its callback beside it (`jobs/callbacks/outbox.py`).

Every move that starts or ends a wait or a run changes the record `queue` (`jobs/table.py`) in the same transaction, and
DynamoDB's `size()` of its set `waiting` bounds the queue in `submit`'s own condition. How jobs are found is in
`jobs/lookup.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jobs.callbacks.outbox import announcement
from jobs.clock import isoformat
from jobs.errors import InvalidRequest, LeaseLost, MoveRefused, QueueFull
from jobs.lookup import JobLookup
from jobs.model import Job, Lease, Outcome, Progress, Status, job_at
from jobs.records import LARGEST, Item, condition, from_item, index_keys, job_key, merged, size_of, to_item, typed
from jobs.table import UNTOUCHED, Line

#: How long an expired job is still answered as `expired` rather than not found.
TOMBSTONE = timedelta(hours=24)

# The conditions of the moves, each named once and written in DynamoDB's expression language.
JOB_IS_NEW = "attribute_not_exists(pk) OR purge_at <= :now"
QUEUE_HAS_ROOM = "attribute_not_exists(waiting) OR size(waiting) < :max"
IS_PENDING = "#status = :pending"
IS_RUNNING = "#status = :running"
HOLDS_LEASE = f"{IS_RUNNING} AND lease_epoch = :epoch"
IS_UNFINISHED = "#status IN (:pending, :running)"
IS_GONE_OR_ENDED = f"attribute_not_exists(pk) OR NOT {IS_UNFINISHED}"
IS_CLAIMABLE = f"lease_epoch = :epoch AND ({IS_PENDING} OR ({IS_RUNNING} AND lease_expires_at <= :now))"
LEASE_RAN_OUT = f"{HOLDS_LEASE} AND lease_expires_at <= :until"
HAS_EXPIRED = "expires_at <= :now AND #status <> :expired"
IS_TOMBSTONE = "#status = :expired"
HAS_ENDED = "#status IN (:completed, :failed, :cancelled)"
CAN_BE_RETRIED = "#status IN (:failed, :cancelled) AND expires_at > :now"

#: What every end of a run writes, beside what differs from end to end.
WRITTEN_AT_END = ("status", "tenant_status", "completed_at", "due_at")

#: What a running job's record tells of its run, as it stands while nobody holds the job.
AT_REST: Mapping[str, object] = {
    "lease_owner": None,
    "lease_expires_at": None,
    "progress": 0.0,
    "stage": None,
    "eta_seconds": None,
}


@dataclass(frozen=True)
class JobStore(JobLookup):
    """The jobs of one table. `ttl` is how long an ended job's document and result are kept."""

    ttl: timedelta

    def submit(self, job: Job, max_queue_size: int) -> None:
        """Store a new pending job and give it a place in the queue, both or neither.

        Raises QueueFull when no place is free, MoveRefused when a job of this id exists already, InvalidRequest for a
        record that would be too large to be moved later.
        """
        item = to_item(job)
        if (size := size_of(item)) > LARGEST:
            raise InvalidRequest(f"All fields but the text have {size} bytes together; shorten them to {LARGEST}.")
        new = condition(JOB_IS_NEW, now=int(job.submitted_at.timestamp()))
        put = merged({"TableName": self.table, "Item": item}, new)
        place = merged(self._queue(job.place, enter="waiting"), condition(QUEUE_HAS_ROOM, max=max_queue_size))
        refusals = self._transact({"Put": put}, {"Update": place})
        if refusals and refusals[0]["Code"] == UNTOUCHED:
            raise QueueFull(max_queue_size)
        _check(refusals, "be submitted", job)

    def claim(self, job: Job, owner: str, now: datetime, lease_time: timedelta) -> tuple[Job, Lease]:
        """Take the lease of a pending job, or of a running one whose lease ran out, under a new epoch.

        The condition holds the record to the epoch of `job`, so of two workers that read the same record one is
        refused with MoveRefused.
        """
        lease = Lease(job.job_id, job.tenant, job.place, job.lease_epoch + 1, now + lease_time)
        claimed = job.evolve(
            status=Status.RUNNING,
            started_at=job.started_at or now,
            progress=0.0,
            stage=None,
            eta_seconds=None,
            attempt=job.attempt + 1,
            lease_owner=owner,
            lease_expires_at=lease.expires_at,
            lease_epoch=lease.epoch,
            not_before=None,
        )
        claimable = condition(
            IS_CLAIMABLE, pending="pending", running="running", epoch=job.lease_epoch, now=isoformat(now)
        )
        run = self._queue(job.place, leave=("waiting",), enter="running")
        refusals = self._transact(self._rewrite(job, claimed, claimable), {"Update": run})
        _check(refusals, "be claimed", job)
        return claimed, lease

    def beat(self, lease: Lease, expires_at: datetime, progress: Progress | None = None) -> Job:
        """Extend the lease, note progress, and return the job as it is now (whether it is to be cancelled).

        Raises LeaseLost when another epoch began or the job ended.
        """
        changes: dict[str, object] = {"lease_expires_at": isoformat(expires_at)}
        if progress is not None:
            changes |= {
                "stage": progress.stage,
                "progress": progress.percent,
                "eta_seconds": progress.eta_seconds,
            }
        return self._write_under(lease, "keep its lease", changes)

    def note_pack(self, lease: Lease, pack: str) -> Job:
        """Note which pack really runs, as `name@version`. Raises LeaseLost."""
        return self._write_under(lease, "note its pack", {"pack": pack})

    def publish(self, lease: Lease, outcome: Outcome) -> Job:
        """Complete the job: from this write on, and only from it, its result is visible.

        Raises LeaseLost; publishing again under the same epoch returns the completed job.
        """
        changes = {
            "result_epoch": lease.epoch,
            "token_count": outcome.token_count,
            "processing_time_ms": outcome.processing_time_ms,
            "progress": 100.0,
            "error_message": None,
        }
        return self._end(lease, Status.COMPLETED, outcome.completed_at, changes)

    def fail(self, lease: Lease, reason: str, now: datetime, failures: int | None = None) -> Job:
        """End the job without a result; `failures` is the new count where one more attempt failed.

        Raises LeaseLost; failing again under the same epoch changes nothing.
        """
        counted = {} if failures is None else {"failures": failures}
        return self._end(lease, Status.FAILED, now, {"error_message": reason, **counted})

    def stop(self, lease: Lease, now: datetime) -> Job:
        """End a running job because its caller called it off. Raises LeaseLost."""
        return self._end(lease, Status.CANCELLED, now, {"error_message": None})

    def release(self, job: Job, lease: Lease, failure: str | None = None, not_before: datetime | None = None) -> Job:
        """Give a running job back to the queue, after a shutdown or after a failure that may pass.

        The job keeps its place by submission time, and is not to be tried again before that moment. Raises LeaseLost.
        """
        changes = {
            "status": Status.PENDING,
            **index_keys(lease.tenant, Status.PENDING),
            "failures": job.failures + (failure is not None),
            "error_message": failure or job.error_message,
            "not_before": None if not_before is None else isoformat(not_before),
            **AT_REST,
        }
        earlier = self._stop_running(lease, Status.PENDING, "be released", typed(changes), enter="waiting")
        return earlier or from_item(self._read(job_key(lease.job_id)))

    def take_back(self, job: Job, until: datetime) -> Job:
        """Let a running job wait again whose lease ran out by `until`: its worker is gone and none took it over.

        That is no failure of the job. Raises MoveRefused.
        """
        waiting = job.evolve(status=Status.PENDING, **AT_REST)
        abandoned = condition(LEASE_RAN_OUT, running="running", epoch=job.lease_epoch, until=isoformat(until))
        back = self._queue(job.place, leave=("running",), enter="waiting")
        _check(self._transact(self._rewrite(job, waiting, abandoned), {"Update": back}), "be taken back", job)
        return waiting

    def bury(self, job: Job, reason: str, now: datetime) -> Job:
        """End a job that no worker brings to an end; raises MoveRefused while a worker holds it and once it ended."""
        buried = job.evolve(
            status=Status.FAILED, completed_at=now, error_message=reason, **AT_REST, **self._expiry(now)
        )
        unheld = condition(
            IS_CLAIMABLE, pending="pending", running="running", epoch=job.lease_epoch, now=isoformat(now)
        )
        leave = self._queue(job.place, leave=("waiting", "running"))
        told = announcement(self.table, buried)
        _check(self._transact(self._rewrite(job, buried, unheld), {"Update": leave}, *told), "be buried", job)
        return buried

    def reject(self, job: Job, reason: str, now: datetime) -> Job:
        """Store a new job that cannot run as failed, so that its caller can read why.

        Raises MoveRefused when a job of this id exists already.
        """
        rejected = job.evolve(status=Status.FAILED, completed_at=now, error_message=reason, **self._expiry(now))
        new = condition(JOB_IS_NEW, now=int(now.timestamp()))
        put = merged({"TableName": self.table, "Item": to_item(rejected)}, new)
        _check(self._transact({"Put": put}, *announcement(self.table, rejected)), "be rejected", job)
        return rejected

    def cancel(self, job: Job, now: datetime) -> Job:
        """End a pending job; cancelling a cancelled one is a no-op. Raises MoveRefused for any other."""
        if job.status is Status.CANCELLED:
            return job
        cancelled = job.evolve(status=Status.CANCELLED, completed_at=now, error_message=None, **self._expiry(now))
        pending = condition(IS_PENDING, pending="pending")
        leave = self._queue(job.place, leave=("waiting",))
        told = announcement(self.table, cancelled)
        _check(self._transact(self._rewrite(job, cancelled, pending), {"Update": leave}, *told), "be cancelled", job)
        return cancelled

    def request_cancel(self, job: Job) -> Job:
        """Ask the worker of a running job to stop it, which `stop` then does; asking again changes nothing.

        Raises MoveRefused for a job that does not run.
        """
        running = condition(IS_RUNNING, running="running")
        try:
            return self._write(job.job_id, {"cancel_requested": True}, running)
        except self.client.exceptions.ConditionalCheckFailedException as refused:
            raise MoveRefused("be asked to stop", job.job_id, _old_record(refused.response)) from refused

    def retry(self, job: Job, now: datetime, max_queue_size: int) -> Job:
        """Let a failed or cancelled job wait again, at its place by submission time; its checkpoints stand.

        Raises QueueFull when no place is free, MoveRefused for any other job and for one that has expired.
        """
        waiting = job.evolve(
            status=Status.PENDING,
            completed_at=None,
            progress=0.0,
            attempts_before_retry=job.attempt,
            failures=0,
            cancel_requested=False,
            error_message=None,
            not_before=None,
            expires_at=None,
            purge_at=None,
        )
        ended = condition(CAN_BE_RETRIED, failed="failed", cancelled="cancelled", now=int(now.timestamp()))
        place = merged(self._queue(job.place, enter="waiting"), condition(QUEUE_HAS_ROOM, max=max_queue_size))
        refusals = self._transact(self._rewrite(job, waiting, ended), {"Update": place})
        if refusals and refusals[0]["Code"] == UNTOUCHED:
            raise QueueFull(max_queue_size)
        _check(refusals, "be retried", job)
        return waiting

    def discard(self, job: Job, now: datetime) -> Job:
        """Turn an ended job into its tombstone before its time; its objects are the caller's to delete.

        Raises MoveRefused for a job that has not ended or has expired already.
        """
        gone_now = {"expires_at": int(now.timestamp()), "purge_at": int((now + TOMBSTONE).timestamp())}
        discarded = _tombstone(job).evolve(**gone_now)
        ended = condition(HAS_ENDED, completed="completed", failed="failed", cancelled="cancelled")
        _check(self._transact(self._rewrite(job, discarded, ended)), "be discarded", job)
        return discarded

    def expire(self, job: Job, now: datetime) -> Job:
        """Turn an ended job whose time has come into its tombstone; its objects are the caller's to delete."""
        expired = _tombstone(job)
        due = condition(HAS_EXPIRED, now=int(now.timestamp()), expired="expired")
        _check(self._transact(self._rewrite(job, expired, due)), "expire", job)
        return expired

    def sweep(self, job: Job) -> Job:
        """Note that a tombstone's objects are deleted, so that `due` names it no more. Raises MoveRefused."""
        swept = job.evolve(swept=True)
        tombstone = condition(IS_TOMBSTONE, expired="expired")
        _check(self._transact(self._rewrite(job, swept, tombstone)), "be swept", job)
        return swept

    def reseat(self, place: str) -> bool:
        """Let the record `queue` say of a place what its job's record says; return whether it said otherwise.

        Both records are held still by the one transaction, so no move can be undone: one that is quicker has already
        done it right.
        """
        job = self.find(job_at(place))
        match job.status if job else None:
            case Status.PENDING:
                stands = condition(IS_PENDING, pending="pending")
                wrong = condition("NOT contains(waiting, :seat) OR contains(running, :seat)", seat=place)
                right = self._queue(place, leave=("running",), enter="waiting")
            case Status.RUNNING:
                stands = condition(IS_RUNNING, running="running")
                wrong = condition("NOT contains(running, :seat) OR contains(waiting, :seat)", seat=place)
                right = self._queue(place, leave=("waiting",), enter="running")
            case _:
                stands = condition(IS_GONE_OR_ENDED, pending="pending", running="running")
                wrong = condition("contains(waiting, :seat) OR contains(running, :seat)", seat=place)
                right = self._queue(place, leave=("waiting", "running"))
        check = merged({"TableName": self.table, "Key": job_key(job_at(place))}, stands)
        return not self._transact({"ConditionCheck": check}, {"Update": merged(right, wrong)})

    def _expiry(self, ended_at: datetime) -> dict[str, int]:
        expires_at = ended_at + self.ttl
        return {
            "expires_at": int(expires_at.timestamp()),
            "purge_at": int((expires_at + TOMBSTONE).timestamp()),
        }

    def _end(self, lease: Lease, status: Status, now: datetime, changes: Mapping[str, object]) -> Job:
        found = self.find(lease.job_id)
        if found is None:
            raise LeaseLost(f"be {status}", lease.job_id, None)
        at_end = {"lease_expires_at": None, "stage": None, "eta_seconds": None, **self._expiry(now), **changes}
        ended = found.evolve(status=status, completed_at=now, **at_end)
        item = to_item(ended)
        written = {name: item.get(name) for name in (*WRITTEN_AT_END, *at_end)}
        earlier = self._stop_running(lease, status, f"be {status}", written, beside=announcement(self.table, ended))
        return earlier or ended

    def _stop_running(
        self,
        lease: Lease,
        status: Status,
        move: str,
        changes: Mapping[str, Item | None],
        enter: Line | None = None,
        beside: Sequence[Mapping[str, Any]] = (),
    ) -> Job | None:
        """Write a running job's next status; return None, or the job if an earlier call did so whose answer was lost.

        Under one epoch a job comes to one such status only. Raises LeaseLost.
        """
        held = condition(HOLDS_LEASE, running="running", epoch=lease.epoch)
        update = self._update(lease.job_id, changes, held)
        leave = self._queue(lease.place, leave=("running",), enter=enter)
        reasons = self._transact({"Update": update}, {"Update": leave}, *beside)
        if not reasons:
            return None
        job = _old_record(reasons[0])
        if job is not None and job.status is status and job.lease_epoch == lease.epoch:
            return job
        raise LeaseLost(move, lease.job_id, job)

    def _write_under(self, lease: Lease, move: str, changes: Mapping[str, object]) -> Job:
        held = condition(HOLDS_LEASE, running="running", epoch=lease.epoch)
        try:
            return self._write(lease.job_id, changes, held)
        except self.client.exceptions.ConditionalCheckFailedException as refused:
            raise LeaseLost(move, lease.job_id, _old_record(refused.response)) from refused

    def _write(self, job_id: str, changes: Mapping[str, object], on: Mapping[str, Any]) -> Job:
        answer = self.client.update_item(**self._update(job_id, typed(changes), on), ReturnValues="ALL_NEW")
        return from_item(answer["Attributes"])

    def _rewrite(self, before: Job, after: Job, on: Mapping[str, Any]) -> dict[str, Any]:
        """Return the transaction's part that turns one record into the other, on a condition.

        The status is always written: a job read after its time says `expired` where its record does not yet.
        """
        old, new = to_item(before), to_item(after)
        written = {name for name in old | new if old.get(name) != new.get(name)}
        changes = {name: new.get(name) for name in written | {"status", "tenant_status"}}
        return {"Update": self._update(before.job_id, changes, on)}


def _check(reasons: Sequence[Mapping[str, Any]], move: str, job: Job) -> None:
    """Raise MoveRefused if the first write of a transaction, the job's own, was refused."""
    if reasons:
        raise MoveRefused(move, job.job_id, _old_record(reasons[0]))


def _tombstone(job: Job) -> Job:
    return job.evolve(status=Status.EXPIRED, error_message=None, warnings=(), result_epoch=None)


def _old_record(refused: Mapping[str, Any]) -> Job | None:
    return from_item(refused["Item"]) if refused.get("Item") else None
