"""An attempt at a callback, from the message that wakes it to what is noted of it.

The message only wakes: the record decides whether there is anything to do, so doubled, late and lost messages do no
damage. A pause of up to 15 minutes is a message that SQS keeps back; after a longer one, and wherever a message was
lost, the janitor sends it.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus

from jobs.callbacks.model import Callback, CallbackState
from jobs.callbacks.post import NotReached, Poster
from jobs.callbacks.queue import LONGEST_DELAY
from jobs.callbacks.signature import signed
from jobs.callbacks.urls import target_of
from jobs.errors import CallbackTaken, InvalidRequest
from jobs.service import JobService

#: How long a callback may be due before its message counts as lost.
UNSENT_AFTER = timedelta(minutes=1)

#: What is sent with every callback.
HEADERS = {"content-type": "application/json", "user-agent": "bookjob-callbacks/1"}

#: Writes what is told of a callback, as JSON; the same for every attempt.
Writer = Callable[[Callback], bytes]


@dataclass(frozen=True)
class Notifier:
    """Delivers the callbacks of a deployment."""

    service: JobService
    #: Writes the body; what a job looks like to its caller is not for the job core to say.
    write: Writer
    poster: Poster = field(default_factory=Poster)
    jitter: Callable[[], float] = random.random

    def deliver(self, callback_id: str) -> Callback | None:
        """Try the callback if it is due, and return it as it stands then; None where there was nothing to do."""
        desk, now = self.service.callbacks, self.service.clock()
        callback = desk.outbox.find(callback_id)
        if callback is None or not callback.due_by(now):
            return None
        try:
            begun = desk.outbox.begin(callback, now)
            after = self._tried(begun, now)
            desk.outbox.settle(begun, after)
        except CallbackTaken:
            return None
        if after.state is CallbackState.PENDING:
            self._wake_again(after)
        return after

    def _tried(self, callback: Callback, now: datetime) -> Callback:
        body = self.write(callback)
        secrets = self.service.callbacks.secrets.of(callback.job.tenant).valid_at(now)
        headers = HEADERS | signed(callback.callback_id, int(now.timestamp()), body, secrets)
        try:
            target = target_of(callback.url, loopback=self.service.settings.loopback_callbacks)
            return self._answered(callback, self.poster.post(target, headers, body))
        except InvalidRequest as never:  # as that of an upload may be, which nobody was there to be refused
            return callback.refused(str(never))
        except NotReached as failure:
            return callback.missed(str(failure), self.service.clock(), self.jitter())

    def _answered(self, callback: Callback, status: int) -> Callback:
        if 200 <= status < 300:
            return callback.delivered()
        if status == HTTPStatus.GONE:
            return callback.refused("it answered 410: it wants no more callbacks")
        hint = "; redirects are not followed, give the address itself" if 300 <= status < 400 else ""
        return callback.missed(f"it answered {status}{hint}", self.service.clock(), self.jitter())

    def _wake_again(self, callback: Callback) -> None:
        if callback.next_attempt_at is None:
            return
        pause = math.ceil((callback.next_attempt_at - self.service.clock()).total_seconds())
        if pause <= LONGEST_DELAY:
            self.service.callbacks.queue.send(callback.callback_id, max(0, pause))


def send_overdue(service: JobService) -> int:
    """Send messages for callbacks that are due and have none, it seems; returns how many.

    Which one lacks its message cannot be told, and need not be: a message too many is dropped. While there are as many
    messages as due callbacks, their turn will come.
    """
    desk, now = service.callbacks, service.clock()
    overdue = list(desk.outbox.due(now - UNSENT_AFTER))
    if not overdue or desk.queue.size() >= sum(1 for _ in desk.outbox.due(now)):
        return 0
    for callback_id in overdue:
        desk.queue.send(callback_id)
    return len(overdue)
