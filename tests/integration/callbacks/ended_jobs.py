"""Jobs that ended, or may, with a receiver to tell; and what is kept and queued of that."""

import json
from datetime import timedelta
from functools import partial

from jobs.callbacks.model import Callback, id_of
from jobs.model import Job, Lease, Outcome
from jobs.request import JobRequest
from jobs.service import JobService
from tests.receiver import Receiver

LEASE = timedelta(seconds=60)
HOUR = 3600


def submitted(service: JobService, receiver: Receiver, tenant: str = "public") -> Job:
    return service.submit(JobRequest(model="mini", callback_url=receiver.url()), "It was a dark night.", tenant)


def claimed(service: JobService, receiver: Receiver) -> tuple[Job, Lease]:
    return service.store.claim(submitted(service, receiver), "worker-1", service.clock(), LEASE)


def completed(service: JobService, receiver: Receiver) -> Job:
    _, lease = claimed(service, receiver)
    return service.store.publish(lease, Outcome(6, service.clock(), 12))


def callback_of(service: JobService, job: Job) -> Callback:
    callback = service.callbacks.outbox.find(id_of(job))
    assert callback is not None
    return callback


def messages(service: JobService) -> list[str]:
    """Return the callbacks that the queue hands out now, and take them from it."""
    queue, found = service.callbacks.queue, []
    # Nothing is hidden, so that an answer that a busy machine lost loses no message.
    look = partial(queue.client.receive_message, QueueUrl=queue.url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    while received := look().get("Messages", []):
        for message in received:
            found.append(json.loads(message["Body"])["callback_id"])
            queue.client.delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])
    return found
