"""From the end of a job to its receiver: kept, signed, delivered, tried again, given up."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

import pytest

from jobs.callbacks.delivery import Notifier
from jobs.callbacks.model import ATTEMPT_TIME, CallbackState, id_of
from jobs.callbacks.post import Poster
from jobs.callbacks.queue import CallbackQueue
from jobs.callbacks.signature import written as secret_written
from jobs.errors import CallbackTaken, InvalidRequest, MoveRefused, SecretJustRotated
from jobs.model import Job, Outcome, Status
from jobs.request import JobRequest
from jobs.service import JobService
from tests.conftest import SettableClock
from tests.integration.callbacks.ended_jobs import HOUR, LEASE, callback_of, claimed, completed, submitted
from tests.receiver import Receiver, answering, documented_verify, receiving

ENDS: dict[str, Callable[[JobService, Receiver], Job]] = {
    "publish": completed,
    "fail": lambda service, at: service.store.fail(claimed(service, at)[1], "broken", service.clock()),
    "stop": lambda service, at: service.store.stop(claimed(service, at)[1], service.clock()),
    "cancel": lambda service, at: service.store.cancel(submitted(service, at), service.clock()),
    "bury": lambda service, at: service.store.bury(submitted(service, at), "no worker survived it", service.clock()),
    "reject": lambda service, at: service.store.reject(
        submitted(service, at).evolve(job_id="22222222-2222-4222-8222-222222222222"), "not a text", service.clock()
    ),
}


@pytest.mark.parametrize("move", ENDS)
def test_whichever_move_ends_a_job_its_receiver_is_told_how_it_stood(
    service: JobService, notifier: Notifier, receiver: Receiver, move: str
) -> None:
    job = ENDS[move](service, receiver)
    told = notifier.deliver(id_of(job))
    assert told is not None
    assert (told.state, told.attempts) == (CallbackState.DELIVERED, 1)
    (got,) = receiver.received
    body = json.loads(got.body)
    assert set(body) == {"type", "timestamp", "data"}
    assert body["type"] == f"job.{job.status}"
    assert body["timestamp"] == body["data"]["completed_at"]
    assert (body["data"]["job_id"], body["data"]["status"]) == (job.job_id, job.status)
    assert body["data"]["error_message"] == job.error_message
    assert b"dark night" not in got.body
    assert callback_of(service, job).job == service.store.find(job.job_id) == job


def test_a_receiver_knows_the_callback_by_its_signature(
    service: JobService, notifier: Notifier, receiver: Receiver
) -> None:
    job = completed(service, receiver)
    notifier.deliver(id_of(job))
    (got,) = receiver.received
    secret = secret_written(service.callbacks.secrets.of("public").current)
    assert documented_verify(service.clock())(secret, got.headers, got.body)
    assert got.headers["webhook-id"] == id_of(job)
    assert got.headers["content-type"] == "application/json"
    assert got.headers["host"] == f"localhost:{receiver.port}"


def test_a_job_without_an_address_leaves_no_callback(service: JobService) -> None:
    job = service.submit(JobRequest(model="mini"), "It was a dark night.", "public")
    service.store.cancel(job, service.clock())
    assert list(service.callbacks.outbox.due(service.clock() + timedelta(days=1))) == []


def test_an_end_that_was_refused_leaves_no_callback(service: JobService, receiver: Receiver) -> None:
    waiting = submitted(service, receiver)
    service.store.claim(waiting, "worker-1", service.clock(), LEASE)
    with pytest.raises(MoveRefused):
        service.store.cancel(waiting, service.clock())
    assert list(service.callbacks.outbox.due(service.clock() + timedelta(days=1))) == []


def test_reporting_the_same_end_twice_tells_it_once(service: JobService, receiver: Receiver) -> None:
    _, lease = claimed(service, receiver)
    for _ in range(2):
        service.store.fail(lease, "broken", service.clock())
    assert len(list(service.callbacks.outbox.due(service.clock()))) == 1


def test_what_was_not_taken_is_tried_again_in_time_under_the_same_id(
    service: JobService, notifier: Notifier, receiver: Receiver, clock: SettableClock
) -> None:
    receiver.answers = [answering(500), answering(302, Location="http://169.254.169.254/"), answering(204)]
    job = completed(service, receiver)
    with patch.object(CallbackQueue, "send") as send:
        assert notifier.deliver(id_of(job)) is not None
        assert send.call_args.args == (id_of(job), 5)
        missed = callback_of(service, job)
        assert (missed.state, missed.attempts, missed.last_error) == (CallbackState.PENDING, 1, "it answered 500")
        assert notifier.deliver(id_of(job)) is None, "it is not due yet"
        clock.advance(5)
        assert notifier.deliver(id_of(job)) is not None
        assert send.call_args.args == (id_of(job), 20)
        assert "it answered 302; redirects are not followed" in str(callback_of(service, job).last_error)
        clock.advance(20)
        assert notifier.deliver(id_of(job)) is not None
        assert send.call_count == 2
    delivered = callback_of(service, job)
    assert (delivered.state, delivered.attempts, delivered.last_error) == (CallbackState.DELIVERED, 3, None)
    assert {got.headers["webhook-id"] for got in receiver.received} == {id_of(job)}
    assert len({got.body for got in receiver.received}) == 1
    assert len({got.headers["webhook-timestamp"] for got in receiver.received}) == 3
    clock.advance(24 * HOUR)
    assert notifier.deliver(id_of(job)) is None


def test_a_receiver_that_wants_no_more_gets_no_more(
    service: JobService, notifier: Notifier, receiver: Receiver, clock: SettableClock
) -> None:
    receiver.answers = [answering(410)]
    job = completed(service, receiver)
    notifier.deliver(id_of(job))
    gone = callback_of(service, job)
    assert (gone.state, gone.next_attempt_at) == (CallbackState.FAILED, None)
    assert "it answered 410" in str(gone.last_error)
    clock.advance(HOUR)
    assert notifier.deliver(id_of(job)) is None
    assert len(receiver.received) == 1


def test_after_a_day_it_is_given_up(
    service: JobService, notifier: Notifier, receiver: Receiver, clock: SettableClock
) -> None:
    receiver.answers = [answering(404)]
    job = completed(service, receiver)
    clock.advance(24 * HOUR)
    notifier.deliver(id_of(job))
    given_up = callback_of(service, job)
    assert (given_up.state, given_up.attempts, given_up.last_error) == (CallbackState.FAILED, 1, "it answered 404")
    assert list(service.callbacks.outbox.due(service.clock() + timedelta(days=9))) == []


@pytest.mark.concurrent
def test_of_many_messages_at_once_one_makes_the_attempt(
    service: JobService, notifier: Notifier, receiver: Receiver
) -> None:
    job = completed(service, receiver)
    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(notifier.deliver, [id_of(job)] * 16))
    assert len([callback for callback in told if callback is not None]) == 1
    assert len(receiver.received) == 1


def test_each_end_of_a_job_that_is_retried_is_told_once_whenever_its_turn_comes(
    service: JobService, notifier: Notifier, receiver: Receiver
) -> None:
    cancelled = service.store.cancel(submitted(service, receiver), service.clock())
    again = service.retry(cancelled.job_id, "public")
    _, lease = service.store.claim(again, "worker-1", service.clock(), LEASE)
    done = service.store.publish(lease, Outcome(6, service.clock(), 12))
    for job in (done, cancelled, done, cancelled):
        notifier.deliver(id_of(job))
    assert [json.loads(got.body)["type"] for got in receiver.received] == ["job.completed", "job.cancelled"]
    assert len({got.headers["webhook-id"] for got in receiver.received}) == 2


def test_a_retried_job_tells_nothing_of_its_last_callback_until_it_ends_again(
    service: JobService, notifier: Notifier, receiver: Receiver
) -> None:
    cancelled = service.store.cancel(submitted(service, receiver), service.clock())
    notifier.deliver(id_of(cancelled))
    assert service.callbacks.latest([cancelled])[cancelled.job_id].state is CallbackState.DELIVERED
    assert service.callbacks.latest([service.retry(cancelled.job_id, "public")]) == {}


@pytest.mark.parametrize("fate", ["expired", "discarded", "removed"])
def test_whatever_becomes_of_the_job_meanwhile_its_end_is_told(
    service: JobService, notifier: Notifier, receiver: Receiver, clock: SettableClock, fate: str
) -> None:
    job = completed(service, receiver)
    if fate == "discarded":
        service.discard(job.job_id, "public")
    elif fate == "expired":
        clock.advance(HOUR)
        service.store.expire(job, service.clock())
    else:
        service.store.client.delete_item(TableName=service.store.table, Key={"pk": {"S": f"job#{job.job_id}"}})
    notifier.deliver(id_of(job))
    assert json.loads(receiver.received[0].body)["data"]["status"] == "completed"


def test_an_attempt_that_took_too_long_changes_nothing_any_more(
    service: JobService, receiver: Receiver, clock: SettableClock
) -> None:
    job = completed(service, receiver)
    outbox = service.callbacks.outbox
    slow = outbox.begin(callback_of(service, job), service.clock())
    clock.advance(ATTEMPT_TIME.total_seconds())
    quick = outbox.begin(callback_of(service, job), service.clock())
    with pytest.raises(CallbackTaken):
        outbox.settle(slow, slow.refused("no"))
    outbox.settle(quick, quick.delivered())
    with pytest.raises(CallbackTaken):
        outbox.begin(quick, service.clock())
    assert callback_of(service, job).state is CallbackState.DELIVERED


def test_the_callbacks_of_a_whole_page_of_jobs_are_found(service: JobService, receiver: Receiver) -> None:
    jobs = [service.store.cancel(submitted(service, receiver), service.clock()) for _ in range(5)]
    plain = service.submit(JobRequest(model="mini"), "A text.", "public")
    waiting = submitted(service, receiver)
    found = service.callbacks.latest([*jobs, plain, waiting])
    assert found == {job.job_id: callback_of(service, job) for job in jobs}


def test_an_address_of_this_machine_is_taken_only_where_that_is_allowed(
    service: JobService, notifier: Notifier, receiver: Receiver
) -> None:
    job = completed(service, receiver)
    strict = replace(service, settings=service.settings.model_copy(update={"loopback_callbacks": False}))
    with pytest.raises(InvalidRequest, match="callback_url: it must begin with https"):
        submitted(strict, receiver)
    replace(notifier, service=strict).deliver(id_of(job))
    assert receiver.received == []
    assert callback_of(service, job).state is CallbackState.FAILED


def test_a_tenant_has_a_secret_of_its_own_and_it_stays(service: JobService) -> None:
    secrets = service.callbacks.secrets
    assert secrets.of("public") == secrets.of("public") != secrets.of("lab")
    assert len(secrets.of("lab").current) == 32


def test_for_a_day_after_a_rotation_callbacks_carry_both_signatures(
    service: JobService, notifier: Notifier, receiver: Receiver, clock: SettableClock
) -> None:
    secrets = service.callbacks.secrets
    old = secrets.of("public").current
    new = secrets.rotate("public", service.clock()).current
    notifier.deliver(id_of(completed(service, receiver)))
    with pytest.raises(SecretJustRotated):
        secrets.rotate("public", service.clock())
    (got,) = receiver.received
    verify = documented_verify(service.clock())
    assert [verify(secret_written(secret), got.headers, got.body) for secret in (old, new)] == [True, True]
    clock.advance(24 * HOUR)
    notifier.deliver(id_of(completed(service, receiver)))
    got, verify = receiver.received[1], documented_verify(service.clock())
    assert [verify(secret_written(secret), got.headers, got.body) for secret in (old, new)] == [False, True]
    assert secrets.rotate("public", service.clock()).previous == new


def test_a_receiver_that_is_not_there_is_told_of_in_the_job(service: JobService, notifier: Notifier) -> None:
    with receiving() as gone:
        job = completed(service, gone)
    replace(notifier, poster=Poster()).deliver(id_of(job))
    missed = callback_of(service, job)
    assert (missed.state, missed.last_error) == (CallbackState.PENDING, "it refused the connection")
    assert service.get(job.job_id, "public").status is Status.COMPLETED
