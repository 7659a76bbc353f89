"""What sees to it that each callback is delivered: the stream, the queue's messages, and the janitor behind them."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from functions.announce import handler as announce
from functions.janitor import handler as janitor
from functions.notify import handler as notify
from jobs.callbacks.delivery import Notifier
from jobs.callbacks.model import ATTEMPT_TIME, CallbackState, id_of
from jobs.callbacks.outbox import Outbox
from jobs.callbacks.queue import CallbackQueue
from jobs.service import JobService
from tests.conftest import SettableClock
from tests.contract.transport import LambdaContext
from tests.integration.callbacks.ended_jobs import callback_of, completed, messages
from tests.receiver import Receiver, answering


def look() -> None:
    """The janitor's schedule fires."""
    janitor.handler({"source": "aws.events"}, LambdaContext())


@pytest.fixture
def _janitor_of_the_service(service: JobService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(janitor, "jobs", lambda: service)


def test_after_a_long_pause_the_janitor_sends_the_message(
    service: JobService, notifier: Notifier, receiver: Receiver, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.answers = [answering(503)]
    job = completed(service, receiver)
    outbox, seen = service.callbacks.outbox, callback_of(service, job)
    for _ in range(5):
        seen = outbox.begin(seen, service.clock())
    outbox.settle(seen, replace(seen, next_attempt_at=service.clock()))
    assert notifier.deliver(id_of(job)) is not None
    assert messages(service) == [], "SQS keeps no message back for so long"
    pause = callback_of(service, job).next_attempt_at
    assert pause is not None
    monkeypatch.setattr(janitor, "jobs", lambda: service)
    clock.now = pause + timedelta(seconds=30)
    look()
    assert messages(service) == []
    clock.advance(31)
    look()
    assert messages(service) == [id_of(job)]


@pytest.mark.usefixtures("_janitor_of_the_service")
def test_a_callback_whose_stream_record_was_lost_is_sent_by_the_janitor(
    service: JobService, receiver: Receiver, clock: SettableClock
) -> None:
    job = completed(service, receiver)
    look()
    assert messages(service) == [], "the stream may tell of it yet"
    clock.advance(61)
    look()
    assert messages(service) == [id_of(job)]


@pytest.mark.usefixtures("_janitor_of_the_service")
def test_an_attempt_whose_function_died_in_the_middle_is_made_again(
    service: JobService, notifier: Notifier, receiver: Receiver, clock: SettableClock
) -> None:
    job = completed(service, receiver)
    with patch.object(Outbox, "settle", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        notifier.deliver(id_of(job))
    assert notifier.deliver(id_of(job)) is None, "that attempt may still be under way"
    clock.advance(ATTEMPT_TIME.total_seconds() + 61)
    look()
    assert messages(service) == [id_of(job)]
    notifier.deliver(id_of(job))
    assert callback_of(service, job).attempts == 2
    assert len({got.headers["webhook-id"] for got in receiver.received}) == 1


@pytest.mark.usefixtures("_janitor_of_the_service")
def test_the_janitor_sends_nothing_while_there_are_messages_enough(
    service: JobService, receiver: Receiver, clock: SettableClock
) -> None:
    jobs = [completed(service, receiver) for _ in range(3)]
    clock.advance(61)
    for _ in range(3):
        look()
    assert sorted(messages(service)) == sorted(id_of(job) for job in jobs)


@pytest.mark.usefixtures("_janitor_of_the_service")
def test_messages_of_other_callbacks_keep_the_janitor_from_sending_none_that_was_lost(
    service: JobService, receiver: Receiver, clock: SettableClock
) -> None:
    lost, queue = completed(service, receiver), service.callbacks.queue
    queue.send("msg_being_tried")
    assert queue.client.receive_message(QueueUrl=queue.url, VisibilityTimeout=300)["Messages"]
    clock.advance(61)
    just_ended = completed(service, receiver)
    queue.send(id_of(just_ended))
    look()
    assert sorted(messages(service)) == sorted([id_of(lost), id_of(just_ended)])


def told_by_stream(*callback_ids: str) -> dict[str, Any]:
    return {
        "Records": [
            {
                "eventName": "INSERT",
                "dynamodb": {"Keys": {"pk": {"S": f"callback#{callback_id}"}}, "SequenceNumber": str(number)},
            }
            for number, callback_id in enumerate(callback_ids)
        ]
    }


def test_what_the_stream_tells_is_queued_and_what_cannot_be_is_told_again(
    service: JobService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announce, "jobs", lambda: service)
    assert announce.handler(told_by_stream("msg_1", "msg_2"), LambdaContext()) == {"batchItemFailures": []}
    assert sorted(messages(service)) == ["msg_1", "msg_2"]
    with patch.object(CallbackQueue, "send", side_effect=[None, OSError]):
        answer = announce.handler(told_by_stream("msg_1", "msg_2"), LambdaContext())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}]}


def woken_by(*bodies: str) -> Any:
    records = [
        {"messageId": str(number), "body": body, "eventSource": "aws:sqs", "receiptHandle": "r", "attributes": {}}
        for number, body in enumerate(bodies)
    ]
    return notify.handler({"Records": records}, LambdaContext())["batchItemFailures"]


def test_a_message_wakes_the_delivery_and_one_that_names_nothing_is_dropped(
    service: JobService, notifier: Notifier, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "notifier", lambda: notifier)
    job = completed(service, receiver)
    due = json.dumps({"callback_id": id_of(job)})
    assert woken_by(due, due, "nonsense", '{"callback_id": "msg_unknown"}') == []
    assert len(receiver.received) == 1
    assert callback_of(service, job).state is CallbackState.DELIVERED


def test_a_message_whose_table_does_not_answer_comes_again(
    service: JobService, notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "notifier", lambda: notifier)
    with patch.object(Outbox, "find", side_effect=OSError):
        assert woken_by('{"callback_id": "msg_1"}') == [{"itemIdentifier": "0"}]
