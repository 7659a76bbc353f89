"""What schemathesis finds when it reads the API's own description and tries all that it can think of.

Its requests are the same in every run, against the function in this process. Against a live deployment instead, and
with another seed:

    BOOKJOB_URL=http://localhost:8000 SCHEMATHESIS_SEED=7 pytest tests/contract/test_schemathesis.py
"""

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import schemathesis
from schemathesis.checks import CheckFunction, load_all_checks, not_a_server_error
from schemathesis.specs.openapi.checks import positive_data_acceptance
from schemathesis.specs.openapi.schemas import OpenApiSchema

from functions.api import connections, routes
from jobs.service import JobService
from tests.conftest import SettableClock
from tests.contract.conftest import LIVE_URL, PATIENCE
from tests.contract.wsgi import application

if TYPE_CHECKING:
    from schemathesis.specs.openapi.schemas import OpenApiCase

load_all_checks()

SEED = int(os.environ.get("SCHEMATHESIS_SEED", "1"))

#: What every request to a live deployment says: the key that it may ask for, and that nobody waits for real work.
HEADERS = {"X-API-Key": os.environ.get("BOOKJOB_API_KEY", ""), "Prefer": "wait=0"} if LIVE_URL else {}

#: Requests that are made up for each operation, beside those at the bounds of what the document allows.
EXAMPLES = 12

#: Of schemathesis' checks all are made but two. That no answer is undocumented holds 500 off as well, while 503 is an
#: answer like another; and no document can say which packs are installed, or which cursors were handed out.
EXCLUDED: list[CheckFunction] = [not_a_server_error, positive_data_acceptance]


def description() -> OpenApiSchema:
    """Return the description as the API serves it, and the way to the API."""
    if LIVE_URL:
        schema = schemathesis.openapi.from_url(f"{LIVE_URL}/openapi.json", timeout=PATIENCE)
    else:
        schema = schemathesis.openapi.from_wsgi("/openapi.json", application)
    schema.config.seed = SEED
    schema.config.generation.update(max_examples=EXAMPLES)
    return schema


api = description()


@pytest.fixture
def everything_ready(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process: a queue that does not fill up, a worker that is there, and waiting that takes no time."""
    if LIVE_URL:
        return
    service: JobService = request.getfixturevalue("service")
    clock: SettableClock = request.getfixturevalue("clock")
    settings = service.settings.model_copy(update={"max_queue_size": 5000})

    def sleep(seconds: float) -> None:
        clock.advance(seconds)

    ready = replace(service, settings=settings, sleep=sleep)
    ready.store.hear_worker("worker", clock())
    monkeypatch.setattr(routes, "jobs", lambda: ready)
    monkeypatch.setattr(connections, "jobs", lambda: ready)


@pytest.mark.usefixtures("everything_ready")
@api.parametrize()
def test_nothing_that_can_be_sent_is_answered_otherwise_than_described(case: "OpenApiCase") -> None:
    case.call_and_validate(excluded_checks=EXCLUDED, headers=HEADERS, timeout=PATIENCE if LIVE_URL else None)
