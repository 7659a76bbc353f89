"""A job that comes with an address tells it how it ended, over the whole local stack."""

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.deadlines import until
from tests.e2e.conftest import TEXT, Installation
from tests.receiver import Receiver, answering, documented_verify, receiving

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def test_a_finished_job_is_told_once_to_a_receiver_that_can_verify_it(
    service: Installation, receiver: Receiver
) -> None:
    receiver.answers = [answering(503), answering(200)]
    job_id = service.submit(TEXT, model="mini", book_id="told", callback_url=receiver.url())
    finished = service.finish(job_id)
    assert until(lambda: service.job(job_id)["callback"]["status"] == "delivered", every=0.25), service.job(job_id)

    callback = service.job(job_id)["callback"]
    assert (callback["attempts"], callback["next_attempt_at"]) == (2, None)
    missed, got = receiver.received
    assert missed.headers["webhook-id"] == got.headers["webhook-id"]
    secret = service.bookjob("webhooks", "secret").stdout.strip()
    assert documented_verify()(secret, got.headers, got.body)
    body = json.loads(got.body)
    assert (body["type"], body["data"]["job_id"]) == ("job.completed", job_id)
    assert body["data"] | {"callback": None} == finished | {"callback": None}


def test_an_address_inside_the_cloud_is_refused_on_one_machine_too(service: Installation) -> None:
    request = {"text": TEXT, "callback_url": "http://169.254.169.254/latest/meta-data"}
    refused = httpx.post(f"{service.url}/v1/jobs", json=request, timeout=60)
    assert refused.status_code == 400
    assert "callback_url" in refused.json()["detail"]
