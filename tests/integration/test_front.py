"""Through the real front and the real emulator: a novel's result, too large for Lambda, inline; and pages that ask."""

import gzip
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import httpx
import pytest

from infra.local import emulator
from infra.local.answers import answers
from infra.local.deploy import Deployer
from infra.local.ports import free_port, loopback
from infra.local.processes import Child
from jobs.clock import utc_now
from jobs.documents import result_key
from jobs.model import Outcome
from jobs.request import JobRequest
from jobs.service import JobService
from jobs.settings import Settings
from tests.deadlines import until


@dataclass(frozen=True)
class Served:
    """A job whose result is large, behind a front."""

    url: str
    result: bytes


@pytest.fixture(scope="module")
def served(emulator_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    deployment = Deployer(emulator_port, {"SubstitutePack": "mini"}).deploy(None)
    with pytest.MonkeyPatch.context() as environment:
        for name, value in emulator.client_environment(emulator_port).items():
            environment.setenv(name, value)
        service = JobService.connect(Settings.from_environment(deployment.settings))
    noise = random.Random(7).randbytes(9_000_000).hex()  # hex packs to half, and so to more than Lambda answers
    result = json.dumps({"tokens": [noise]}).encode()
    job = service.submit(JobRequest(model="mini"), "Call me Ishmael.", "public")
    job, lease = service.store.claim(job, "test", utc_now(), timedelta(minutes=1))
    key = result_key(job.job_id, lease.epoch)
    service.documents.put(key, gzip.compress(result, 1), "application/json", encoding="gzip")
    service.store.publish(lease, Outcome(token_count=1, completed_at=utc_now(), processing_time_ms=1))
    port, log = free_port(), tmp_path_factory.mktemp("front") / "front.log"
    arguments = ["--port", str(port), "--emulator", emulator.url(emulator_port), "--api", deployment.outputs["ApiId"]]
    front = Child.start("front", ["infra.local.front", *arguments], {}, log)
    try:
        assert until(lambda: answers(f"http://127.0.0.1:{port}/health"), seconds=30), log.read_text()
        yield Served(f"http://127.0.0.1:{port}/v1/jobs/{job.job_id}/result", result)
    finally:
        front.ask_to_stop()
        front.see_stopped(patience=5)


@pytest.mark.parametrize("accepts", ["identity", "gzip"])
def test_a_client_that_follows_no_link_gets_a_result_too_large_for_lambda(served: Served, accepts: str) -> None:
    answer = httpx.get(served.url, headers={"accept-encoding": accepts}, timeout=60)
    assert answer.status_code == 200
    assert answer.headers.get("content-encoding", "identity") == accepts
    assert answer.content == served.result


@pytest.mark.parametrize("address", loopback())
def test_it_answers_wherever_localhost_leads(served: Served, address: str) -> None:
    url = httpx.URL(served.url, host=address, path="/health")
    assert httpx.get(url, timeout=60).is_success


def test_a_page_of_the_service_itself_is_answered_and_no_other(served: Served) -> None:
    own, _, _ = served.url.partition("/v1")
    for page, status in (own, 200), ("https://evil.example", 403), ("null", 403):
        assert httpx.get(f"{own}/v1/jobs", headers={"origin": page}, timeout=60).status_code == status


def test_whoever_asks_the_front_by_the_name_of_another_machine_is_refused(served: Served) -> None:
    assert httpx.get(served.url, headers={"host": "evil.example"}, timeout=60).status_code == 403
