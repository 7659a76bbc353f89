"""A job core that may call this machine back, a receiver on it, and what delivers to it."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from functions.notify.handler import written
from jobs.callbacks.delivery import Notifier
from jobs.service import JobService
from tests.receiver import Receiver, receiving


@pytest.fixture
def service(service: JobService) -> JobService:
    """The job core of a deployment whose callbacks may come back to this machine."""
    return replace(service, settings=service.settings.model_copy(update={"loopback_callbacks": True}))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def notifier(service: JobService) -> Notifier:
    return Notifier(service, written, jitter=lambda: 1.0)
