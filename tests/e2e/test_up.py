"""What `bookjob up` does when it is stopped, killed, started twice or finds things not as they should be."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from infra.local.home import Running
from tests.deadlines import until
from tests.e2e.conftest import Installation, all_ended, is_well

pytestmark = pytest.mark.timeout(300)  # whole starts and stops, on a machine that may be busy

#: Long enough that a stop meets it in the middle.
LONGER = Path("examples/the_light_on_corrow_mole.txt").read_text(encoding="utf-8")[:4000]


def runs(installation: Installation) -> Running:
    running = installation.home.running()
    assert running is not None
    return running


def test_ctrl_c_stops_everything_within_ten_seconds_and_the_next_start_finishes_the_job(
    installation: Installation,
) -> None:
    process = installation.up_in_foreground()
    running = runs(installation)
    job_id = installation.submit(LONGER)
    assert until(lambda: installation.job(job_id)["progress"] > 0)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert time.monotonic() - began < 10
    assert process.returncode == 0
    assert "Unfinished jobs are kept" in told
    assert all_ended([running.supervisor, *running.children.values()])

    installation.up()
    job = installation.finish(job_id)
    assert (job["status"], job["attempt"]) == ("completed", 2)


def test_a_killed_start_leaves_no_process_behind_and_the_next_one_works(installation: Installation) -> None:
    process = installation.up_in_foreground("--no-worker")
    running = runs(installation)
    process.kill()
    process.communicate(timeout=30)
    assert until(lambda: all_ended([running.supervisor, *running.children.values()]), seconds=15)
    told = installation.bookjob("health")
    assert told.returncode == 1
    assert "bookjob up" in told.stdout

    assert installation.up("--no-worker").supervisor != running.supervisor


def test_a_front_that_dies_is_started_again(service: Installation) -> None:
    front = runs(service).children["front"].find()
    assert front is not None
    front.kill()
    assert until(lambda: runs(service).children["front"].pid != front.pid, seconds=15)
    assert until(lambda: is_well(service), seconds=30)


def test_an_emulator_that_dies_is_started_again_and_the_service_with_it(installation: Installation) -> None:
    installation.up("--no-worker")
    installation.submit()
    emulator = runs(installation).children["emulator"].find()
    assert emulator is not None
    emulator.kill()
    assert until(lambda: runs(installation).children["emulator"].pid != emulator.pid, seconds=15)
    assert until(lambda: is_well(installation), seconds=30)
    installation.submit()


def test_a_second_start_uses_the_stack_that_runs(service: Installation) -> None:
    before = runs(service)
    second = service.bookjob("up", "--port", str(service.port))
    assert second.returncode == 0
    assert "runs already" in second.stderr
    assert runs(service) == before


def test_a_second_start_on_another_port_is_refused_in_words(service: Installation) -> None:
    second = service.bookjob("up", "--port", str(service.port + 1))
    assert second.returncode != 0
    assert f"runs already, on port {service.port}" in second.stderr


@pytest.mark.parametrize("arguments", [(), ("--detach",)])
def test_a_port_that_is_in_use_is_told_with_its_holder(installation: Installation, arguments: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", installation.port)):
        refused = installation.bookjob("up", "--port", str(installation.port), *arguments)
    assert refused.returncode != 0
    assert f"Port {installation.port} is in use by " in refused.stderr
    assert f"(process {os.getpid()})" in refused.stderr
    assert installation.home.running() is None


def test_a_damaged_state_is_set_aside_and_the_service_comes_up(installation: Installation) -> None:
    installation.up("--no-worker")
    installation.bookjob("down")
    (installation.home.state / "services" / "dynamodb.json").write_text("{ not json")
    installation.up("--no-worker")
    installation.submit()
    assert list(installation.home.path.glob("state-damaged-*"))
    assert "its jobs are lost" in installation.home.log("up").read_text()


def test_a_start_that_was_not_told_to_substitute_refuses_the_models_it_has_not(installation: Installation) -> None:
    told = installation.bookjob("up", "--detach", "--no-worker", "--no-substitute", "--port", str(installation.port))
    assert told.returncode == 0
    assert "mini" not in told.stderr
    refused = installation.bookjob("submit", "examples/the_light_on_corrow_mole.txt", "--model", "small")
    assert refused.returncode == 2
    assert "'small' is not installed" in refused.stderr
