"""Two tenants that attack each other over the wire, on a service that asks for keys and reads books."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.deadlines import until
from tests.e2e.conftest import TEXT, Installation

pytestmark = pytest.mark.timeout(300)

#: Everything that can be asked of one job.
ATTACKS = [
    ("GET", ""),
    ("GET", "/result"),
    ("GET", "/files/book"),
    ("GET", "/files/book.html"),
    ("POST", "/retry"),
    ("POST", "/cancel"),
    ("DELETE", ""),
    ("DELETE", "/result"),
]


@dataclass(frozen=True)
class Tenant:
    """A tenant and what it can do with its key alone."""

    name: str
    client: httpx.Client

    def submit(self, text: str = TEXT, key: str | None = None, **fields: Any) -> str:
        headers = {} if key is None else {"Idempotency-Key": key}
        answer = self.client.post("/v1/jobs", json={"text": text, "model": "mini", **fields}, headers=headers)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["job_id"])

    def status(self, job_id: str) -> str | None:
        answer = self.client.get(f"/v1/jobs/{job_id}")
        return str(answer.json()["status"]) if answer.status_code == 200 else None

    def finish(self, job_id: str) -> None:
        assert until(lambda: self.status(job_id) == "completed", every=0.25), self.status(job_id)

    def form(self, **fields: Any) -> dict[str, Any]:
        answer = self.client.post("/v1/uploads", json={"model": "mini", **fields})
        assert answer.status_code == 200, answer.text
        form: dict[str, Any] = answer.json()
        return form

    def jobs(self) -> set[str]:
        return {job["job_id"] for job in self.client.get("/v1/jobs", params={"limit": 100}).json()["jobs"]}

    def stats(self) -> dict[str, Any]:
        """Return the counts of its own jobs, without what it shares with others."""
        told: dict[str, Any] = self.client.get("/v1/jobs/stats").json()
        return {name: told[name] for name in ("total_jobs", "pending", "running", "completed", "failed", "cancelled")}


def tenant(keyed: Installation, name: str) -> Iterator[Tenant]:
    key = keyed.made_key("--tenant", name)
    with httpx.Client(base_url=keyed.url, headers={"X-API-Key": key}, timeout=60) as client:
        yield Tenant(name, client)


@pytest.fixture(scope="module")
def victim(keyed: Installation) -> Iterator[Tenant]:
    yield from tenant(keyed, "victim")


@pytest.fixture(scope="module")
def attacker(keyed: Installation) -> Iterator[Tenant]:
    yield from tenant(keyed, "attacker")


@pytest.fixture(scope="module")
def target(victim: Tenant) -> str:
    """A job of the victim's that was read."""
    job_id = victim.submit(book_id="secret")
    victim.finish(job_id)
    return job_id


def send(form: dict[str, Any], text: str = TEXT, **changed: str) -> int:
    """Send a text by a form of which some fields were changed; return the status of S3's answer."""
    fields = form["fields"] | {name.replace("_", "-"): value for name, value in changed.items()}
    return httpx.post(form["url"], data=fields, files={"file": text.encode()}, timeout=60).status_code


@pytest.mark.parametrize(("method", "path"), ATTACKS)
def test_a_job_with_its_result_and_files_is_not_there_for_another_tenant(
    attacker: Tenant, victim: Tenant, target: str, method: str, path: str
) -> None:
    answer = attacker.client.request(method, f"/v1/jobs/{target}{path}", headers={"Prefer": "wait=20"})
    assert answer.status_code == 404
    assert victim.status(target) == "completed"
    assert victim.client.get(f"/v1/jobs/{target}/result").status_code == 200


def test_lists_counts_and_the_newest_job_tell_nothing_of_anothers(
    attacker: Tenant, victim: Tenant, target: str
) -> None:
    before = attacker.stats()
    more = victim.submit()
    assert {target, more} <= victim.jobs()
    assert not {target, more} & attacker.jobs()
    assert attacker.stats() == before
    assert attacker.client.get("/v1/jobs/latest", params={"book_id": "secret"}).status_code == 404


def test_a_cursor_leads_nobody_else_on(attacker: Tenant, victim: Tenant, target: str) -> None:
    victim.submit()
    stolen = victim.client.get("/v1/jobs", params={"limit": 1}).json()["cursor"]
    assert attacker.client.get("/v1/jobs", params={"limit": 1, "cursor": stolen}).status_code == 400
    assert victim.client.get("/v1/jobs", params={"limit": 1, "cursor": stolen}).status_code == 200


def test_an_idempotency_key_finds_and_blocks_nothing_of_anothers(attacker: Tenant, victim: Tenant) -> None:
    first = victim.submit(key="shared")
    second = attacker.submit("Another text.", key="shared")
    assert second != first
    assert victim.submit(key="shared") == first
    form = attacker.client.post("/v1/uploads", json={}, headers={"Idempotency-Key": "shared"}).json()
    assert form["job_id"] not in (first, *victim.jobs())


def test_a_form_that_was_altered_to_reach_another_tenant_is_refused_by_s3(attacker: Tenant, victim: Tenant) -> None:
    mine, theirs = attacker.form(), victim.form()
    for key in (
        theirs["fields"]["key"],
        f"incoming/uploads/victim/{mine['job_id']}",
        "incoming/victim/planted.txt",
        f"results/{theirs['job_id']}/1/result.json.gz",
    ):
        assert send(mine, key=key) == 403
    assert send(mine, x_amz_meta_request='{"book_id": "planted"}') == 403
    assert send(mine, x_amz_meta_book_id="planted") == 403
    assert victim.status(theirs["job_id"]) is None


def test_what_is_sent_by_a_form_is_its_owners_whoever_sends_it_and_is_read_once(
    attacker: Tenant, victim: Tenant
) -> None:
    form = victim.form(book_id="mine")
    assert send(form) == 204  # nobody has to show a key to S3
    victim.finish(form["job_id"])
    assert attacker.status(form["job_id"]) is None

    tokens = victim.client.get(f"/v1/jobs/{form['job_id']}/result").json()["token_count"]
    send(form, "Something else altogether that was sent by whoever got hold of the form.")
    after = victim.form(book_id="after")
    send(after)
    victim.finish(after["job_id"])  # which came later, so that the event before it was looked at
    told = victim.client.get(f"/v1/jobs/{form['job_id']}").json()
    assert (told["status"], told["attempt"], told["token_count"]) == ("completed", 1, tokens)


def test_a_folder_under_incoming_is_its_tenants(keyed: Installation, attacker: Tenant, victim: Tenant) -> None:
    jobs = {name: keyed.upload(f"incoming/{name}/book.txt", TEXT) for name in ("victim", "attacker", "nobody/victim")}
    for owner, other in ((victim, attacker), (attacker, victim)):
        assert owner.status(jobs[owner.name]) is not None
        assert other.status(jobs[owner.name]) is None
        assert owner.status(jobs["nobody/victim"]) is None


def test_a_key_counts_only_as_the_whole_of_its_own_header(keyed: Installation, attacker: Tenant, target: str) -> None:
    key = attacker.client.headers["X-API-Key"]
    url = f"{keyed.url}/v1/jobs"
    for headers in (
        {"Authorization": f"Bearer {key}"},
        {"X-API-Key": f"{key},{key}"},
        {"X-API-Key": key[:-1]},
        {"X-API-Key": key.upper()},
        {"X-API-Key": "x" * 5_000},
    ):
        assert httpx.get(url, headers=headers, timeout=60).status_code == 401, headers
    assert httpx.get(url, params={"X-API-Key": key}, timeout=60).status_code == 401
