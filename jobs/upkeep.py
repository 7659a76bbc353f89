"""What the janitor does once a minute for the jobs of all tenants: it ends what a fault left half done.

Every duty looks first and then acts by a conditional write or by something that is harmless twice, so two janitors at
once, or one that dies between two steps, do no damage: the next look finds what is left.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta

from jobs.callbacks.delivery import send_overdue
from jobs.clock import isoformat
from jobs.errors import MoveRefused
from jobs.model import Status, job_at
from jobs.service import JobService

#: How long a job may wait before its message counts as never sent; a function that accepts one is given half of it.
UNQUEUED_AFTER = timedelta(minutes=1)

#: On which occasion the janitor sends: one for all looks, so that SQS drops for five minutes what it sent already.
ONCE_MORE = "~"


def take_back_abandoned(service: JobService) -> int:
    """Let jobs wait again whose worker is gone and that no other worker took over within another lease time.

    A worker that is woken takes over such a job by itself; this is for when none is. Returns how many there were.
    """
    now = service.clock()
    return _for_each(service.store.due(Status.RUNNING, now), lambda job_id: _take_back(service, job_id))


def _take_back(service: JobService, job_id: str) -> bool:
    now = service.clock()
    until = now - service.lease_time
    job = service.store.find(job_id)
    if job is None or job.status is not Status.RUNNING or not job.claimable_at(until):
        return False
    try:
        job = service.store.take_back(job, until)
        if job.cancel_requested:
            service.store.cancel(job, now)
    except MoveRefused:
        return False  # a worker was quicker
    return True


def repair_queue(service: JobService) -> int:
    """Let the record `queue` name exactly the jobs that wait and run; returns how many places were wrong.

    No move of a job leaves it wrong; what does is a restored backup, or a hand that edits the table.
    """
    doubtful: set[str] = set()
    for status, places in service.store.places().items():
        seated = {job_at(place): place for place in places}
        unfinished = set(service.store.due(status, service.clock()))
        doubtful |= {seated[job_id] for job_id in seated.keys() - unfinished}
        doubtful |= {job.place for job_id in unfinished - seated.keys() if (job := service.store.find(job_id))}
    return _for_each(doubtful, service.store.reseat)


def send_again(service: JobService) -> int:
    """Send messages for waiting jobs where there are fewer messages than unfinished jobs; returns how many.

    Which job lacks its message cannot be told, and need not be: a message too many is dropped by the worker.
    """
    now, places = service.clock(), service.store.places()
    overdue = sorted(place for place in places[Status.PENDING] if place < isoformat(now - UNQUEUED_AFTER))
    if not overdue or service.queue.size() >= sum(len(seated) for seated in places.values()):
        return 0
    for place in overdue:
        service.queue.send(job_at(place), ONCE_MORE)
    return len(overdue)


def sweep(service: JobService) -> int:
    """Expire the ended jobs whose time has come and delete what they left in the bucket; returns how many.

    The tombstone stands first, since a job may be retried up to then and needs its text. A tombstone that an earlier
    look, or a caller's `discard`, did not come to sweep is due as well.
    """
    now = service.clock()
    ended = (Status.EXPIRED, Status.COMPLETED, Status.FAILED, Status.CANCELLED)
    due = (job_id for status in ended for job_id in service.store.due(status, now))
    return _for_each(due, lambda job_id: _sweep(service, job_id))


def _sweep(service: JobService, job_id: str) -> bool:
    job = service.store.find(job_id)
    if job is None or job.swept:
        return False
    try:
        tombstone = job if job.status is Status.EXPIRED else service.store.expire(job, service.clock())
        service.documents.delete_all(job_id)
        service.store.sweep(tombstone)
    except MoveRefused:
        return False  # it is being retried, or another janitor is at it
    return True


def _for_each(found: Iterable[str], look_after: Callable[[str], bool]) -> int:
    """Look after each, and return for how many there was something to do.

    One that fails holds up none behind it, since it would do so at every look; raises what failed as one group.
    """
    done, failures = 0, []
    for one in found:
        try:
            done += look_after(one)
        except Exception as failure:
            failures.append(failure)
    if failures:
        raise ExceptionGroup(f"{len(failures)} could not be looked after, {done} were", failures)
    return done


def clear_after(service: JobService, job_id: str) -> None:
    """Delete what the bucket still holds of a job whose record is gone, unless a job of its id stands again."""
    if service.store.find(job_id) is None:
        service.documents.delete_all(job_id)


Duty = Callable[[JobService], int]

#: What is done, by the name that its count is reported under. The quick ones that jobs wait for come first.
DUTIES: Mapping[str, Duty] = {
    "JobsTakenBack": take_back_abandoned,
    "PlacesRepaired": repair_queue,
    "MessagesSentAgain": send_again,
    "CallbacksSentAgain": send_overdue,
    "JobsSwept": sweep,
}


def keep_up(service: JobService) -> tuple[Mapping[str, int], Sequence[Exception]]:
    """Do every duty; return how much there was to do of each, and what went wrong with the others.

    A duty that fails keeps none of the others from being done.
    """
    done: dict[str, int] = {}
    failures: list[Exception] = []
    for name, duty in DUTIES.items():
        try:
            done[name] = duty(service)
        except Exception as failure:
            failures.append(failure)
    return done, failures
