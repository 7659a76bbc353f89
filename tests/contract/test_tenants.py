"""Two tenants that try to reach each other's jobs: to each, the other's are not there."""

import base64
import json
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from jobs.model import Job
from jobs.service import JobService
from tests.contract.jobs_at_hand import JobsAtHand
from tests.contract.keyed import Doors

States = Callable[[JobsAtHand], Job]

#: Everything that can be asked of one job.
ATTACKS = [
    ("GET", ""),
    ("DELETE", ""),
    ("POST", "/cancel"),
    ("POST", "/retry"),
    ("GET", "/result"),
    ("DELETE", "/result"),
    ("GET", "/files/book"),
    ("GET", "/files/tokens"),
]

STATES: dict[str, States] = {
    "pending": lambda at_hand: at_hand.pending(tenant="acme"),
    "running": lambda at_hand: at_hand.running(tenant="acme")[0],
    "completed": lambda at_hand: at_hand.completed(tenant="acme", files={"book": "{}", "tokens": "a"}),
    "failed": lambda at_hand: _failed(at_hand),
}


def _failed(at_hand: JobsAtHand) -> Job:
    _, lease = at_hand.running(tenant="acme")
    return at_hand.service.store.fail(lease, "It is about acme's own book.", at_hand.clock())


@pytest.fixture
def acme(doors: Doors) -> httpx.Client:
    return doors.caller("acme")


@pytest.fixture
def globex(doors: Doors) -> httpx.Client:
    return doors.caller("globex")


def submit(client: httpx.Client, text: str = "A text.", key: str | None = None, **fields: Any) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post("/v1/jobs", json={"text": text, "model": "mini", **fields}, headers=headers)


def told(answer: httpx.Response, job_id: str) -> tuple[int, str, set[str]]:
    """Return all that an answer tells, but for the id that was asked for."""
    return answer.status_code, answer.text.replace(job_id, "ID"), set(answer.headers)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(("method", "path"), ATTACKS)
def test_anothers_job_is_answered_as_one_that_there_is_not(
    globex: httpx.Client, at_hand: JobsAtHand, service: JobService, state: str, method: str, path: str
) -> None:
    job = STATES[state](at_hand)
    nothing = str(uuid.uuid4())
    answer = globex.request(method, f"/v1/jobs/{job.job_id}{path}")
    assert answer.status_code == 404
    assert told(answer, job.job_id) == told(globex.request(method, f"/v1/jobs/{nothing}{path}"), nothing)
    assert service.get(job.job_id, "acme") == job


def test_waiting_for_news_of_anothers_job_is_answered_at_once(globex: httpx.Client, at_hand: JobsAtHand) -> None:
    job = at_hand.pending(tenant="acme")
    assert globex.get(f"/v1/jobs/{job.job_id}", headers={"Prefer": "wait=20"}).status_code == 404


def test_the_owner_reaches_what_is_its_own(acme: httpx.Client, at_hand: JobsAtHand) -> None:
    job = at_hand.completed(tenant="acme", files={"book": "{}"})
    for path in ("", "/result", "/files/book"):
        assert acme.get(f"/v1/jobs/{job.job_id}{path}").status_code == 200


def test_two_keys_of_one_tenant_see_the_same_jobs(acme: httpx.Client, doors: Doors) -> None:
    job_id = submit(acme).json()["job_id"]
    assert doors.caller("acme").get(f"/v1/jobs/{job_id}").status_code == 200


def test_lists_are_of_ones_own_jobs(acme: httpx.Client, globex: httpx.Client, at_hand: JobsAtHand) -> None:
    at_hand.completed(tenant="acme", book_id="moby")
    mine = at_hand.pending(tenant="globex", book_id="moby").job_id
    for query in ("", "?book_id=moby", "?status=pending", "?status=completed", "?book_id=moby&status=pending"):
        listed = {job["job_id"] for job in globex.get(f"/v1/jobs{query}").json()["jobs"]}
        assert listed == (set() if "completed" in query else {mine})
    assert globex.get("/v1/jobs/latest?book_id=moby").json()["job_id"] == mine
    assert acme.get("/v1/jobs/latest").json()["job_id"] != mine


def test_another_tenants_newest_job_is_not_ones_own(globex: httpx.Client, at_hand: JobsAtHand) -> None:
    at_hand.pending(tenant="acme", book_id="moby")
    assert globex.get("/v1/jobs/latest").status_code == 404
    assert globex.get("/v1/jobs/latest?book_id=moby").status_code == 404


@pytest.mark.parametrize("book_id", ["#acme", "acme#moby", "x#completed"])
def test_no_name_of_a_book_leads_into_anothers_list(globex: httpx.Client, at_hand: JobsAtHand, book_id: str) -> None:
    at_hand.completed(tenant="acme", book_id="moby")
    assert globex.get("/v1/jobs", params={"book_id": book_id}).json()["jobs"] == []


def test_a_cursor_of_anothers_is_refused_as_one_that_was_made_up(
    acme: httpx.Client, globex: httpx.Client, at_hand: JobsAtHand
) -> None:
    for tenant in ("acme", "globex"):
        for _ in range(3):
            at_hand.pending(tenant=tenant)
    theirs = acme.get("/v1/jobs?limit=1").json()["cursor"]
    assert theirs is not None
    stolen = globex.get("/v1/jobs", params={"limit": 1, "cursor": theirs})
    made_up = globex.get("/v1/jobs", params={"limit": 1, "cursor": "AAAA"})
    assert stolen.status_code == made_up.status_code == 400
    assert stolen.text == made_up.text
    assert acme.get("/v1/jobs", params={"limit": 1, "cursor": theirs}).status_code == 200


def test_stats_count_ones_own_jobs_and_tell_the_queue_of_all(
    acme: httpx.Client, globex: httpx.Client, at_hand: JobsAtHand
) -> None:
    at_hand.completed(tenant="acme")
    at_hand.pending(tenant="acme")
    at_hand.pending(tenant="globex")
    mine, theirs = globex.get("/v1/jobs/stats").json(), acme.get("/v1/jobs/stats").json()
    assert (mine["total_jobs"], mine["pending"], mine["completed"]) == (1, 1, 0)
    assert (theirs["total_jobs"], theirs["pending"], theirs["completed"]) == (2, 1, 1)
    assert mine["queue_size"] == theirs["queue_size"] == 2


def test_an_idempotency_key_is_its_tenants_own(acme: httpx.Client, globex: httpx.Client) -> None:
    first = submit(acme, text="Acme's text.", key="1").json()["job_id"]
    second = submit(globex, text="Globex's text.", key="1")
    assert second.status_code == 200
    assert second.json()["job_id"] != first
    assert submit(globex, text="Acme's text.", key="1").status_code == 422
    assert submit(acme, text="Acme's text.", key="1").json()["job_id"] == first


def test_the_same_text_under_the_same_key_is_another_job_of_another_tenant(
    acme: httpx.Client, globex: httpx.Client
) -> None:
    jobs = {submit(client, key="1").json()["job_id"] for client in (acme, globex)}
    assert len(jobs) == 2


def test_a_form_leads_to_its_tenants_own_folder_and_nowhere_else(acme: httpx.Client, globex: httpx.Client) -> None:
    forms = [client.post("/v1/uploads", json={}, headers={"Idempotency-Key": "1"}).json() for client in (acme, globex)]
    assert forms[0]["job_id"] != forms[1]["job_id"]
    for tenant, form in zip(("acme", "globex"), forms, strict=True):
        key = f"incoming/uploads/{tenant}/{form['job_id']}"
        assert form["fields"]["key"] == key
        assert {"key": key} in json.loads(base64.b64decode(form["fields"]["policy"]))["conditions"]


@pytest.mark.parametrize("book_id", ["../globex/", "globex", "/"])
def test_nothing_that_a_caller_says_moves_its_form(acme: httpx.Client, book_id: str) -> None:
    form = acme.post("/v1/uploads", json={"book_id": book_id}, headers={"Idempotency-Key": book_id}).json()
    assert form["fields"]["key"] == f"incoming/uploads/acme/{form['job_id']}"


def test_the_queue_is_shared(acme: httpx.Client, globex: httpx.Client) -> None:
    submit(acme)
    assert submit(globex).json()["queue_position"] == 2


def test_a_tenants_callbacks_are_signed_with_its_own_secret(acme: httpx.Client, globex: httpx.Client) -> None:
    mine = acme.get("/v1/webhooks/secret").json()["secret"]
    assert globex.get("/v1/webhooks/secret").json()["secret"] != mine
    globex.post("/v1/webhooks/secret/rotate")
    assert acme.get("/v1/webhooks/secret").json() == {"secret": mine, "previous_until": None}
