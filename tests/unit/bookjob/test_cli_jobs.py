"""The commands about jobs that are there already, against a scripted service."""

import io
import json
import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from rich.console import Console

from bookjob.models import Job
from bookjob.overview import jobs_table

from .conftest import JOB_ID, Command, ScriptedService, Time, job, problem


def paged(service: ScriptedService, *sizes: int) -> None:
    """Have the service list jobs on pages of these sizes, their books numbered through."""
    numbers = iter(range(sum(sizes)))
    cursors = [None, *(f"page{number}" for number in range(1, len(sizes))), None]
    for number, size in enumerate(sizes):
        jobs = [job(book_id=f"book{next(numbers)}") for _ in range(size)]
        service.pages[cursors[number]] = {"jobs": jobs, "cursor": cursors[number + 1]}


def test_the_list_is_a_line_for_each_job(bookjob: Command, service: ScriptedService) -> None:
    handed_in = (datetime.now(UTC) - timedelta(minutes=3, seconds=5)).isoformat()
    running = job("running", progress=61.6, book_id="a long title of a novel", submitted_at=handed_in)
    service.pages[None] = {"jobs": [running, job("pending", started_at=None)], "cursor": None}

    heading, first, second = bookjob("list").stdout.splitlines()

    assert heading.split() == ["Job", "State", "Progress", "Handed", "in", "Book"]
    assert first.split("  ")[0] == JOB_ID
    assert re.search(r"  running +62 %  3 min ago  +a long title of a novel$", first)
    assert re.search(r"  pending +–  ", second)


def test_a_long_title_gives_way_to_the_id() -> None:
    titled = Job.model_validate(job(book_id="The Life and Strange Surprizing Adventures of Robinson Crusoe, of York"))
    console = Console(width=80, file=io.StringIO(), record=True)

    console.print(jobs_table([titled], datetime.now(UTC)))

    _, line = console.export_text().splitlines()
    assert line.startswith(JOB_ID)
    assert "The Life" in line
    assert line.rstrip().endswith("…")


@pytest.mark.parametrize("width", [40, 50, 60, 70])
def test_an_id_is_whole_on_a_narrow_terminal(width: int) -> None:
    console = Console(width=width, file=io.StringIO(), record=True)

    console.print(jobs_table([Job.model_validate(job("running"))], datetime.now(UTC)))

    _, line = console.export_text().splitlines()
    assert line.startswith(f"{JOB_ID}  ")


def test_the_list_for_machines_is_the_services_own_jobs(bookjob: Command, service: ScriptedService) -> None:
    paged(service, 2)

    listed = bookjob("list", "--json")

    assert [json.loads(line)["book_id"] for line in listed.stdout.splitlines()] == ["book0", "book1"]
    assert listed.stderr == ""


@pytest.mark.parametrize(("limit", "more"), [("2", True), ("3", False), ("4", False)])
def test_the_list_says_when_there_are_more(bookjob: Command, service: ScriptedService, limit: str, more: bool) -> None:
    paged(service, 2, 1)

    listed = bookjob("list", "--limit", limit, "--json")

    assert len(listed.stdout.splitlines()) == min(int(limit), 3)
    assert ("--all shows them" in listed.stderr) is more


def test_the_list_goes_to_the_end_when_asked(bookjob: Command, service: ScriptedService) -> None:
    paged(service, 2, 2, 1)

    assert len(bookjob("list", "--all", "--limit", "1").stdout.splitlines()) == 6


def test_all_jobs_are_asked_for_on_the_largest_pages(bookjob: Command, service: ScriptedService) -> None:
    bookjob("list", "--all")

    assert service.requests[0].url.params["limit"] == "100"


def test_the_list_chooses_by_state_and_book(bookjob: Command, service: ScriptedService) -> None:
    bookjob("list", "--status", "failed", "--book-id", "emma", "--limit", "500")

    assert dict(service.requests[0].url.params) == {"status": "failed", "book_id": "emma", "limit": "100"}


def test_an_empty_list_says_so_to_people_alone(bookjob: Command, service: ScriptedService) -> None:
    service.pages[None] = {"jobs": [], "cursor": None}

    assert bookjob("list").stderr == "There are no jobs.\n"
    assert bookjob("list", "--status", "failed").stderr == "There are no such jobs.\n"
    for_machines = bookjob("list", "--json")
    assert (for_machines.exit_code, for_machines.stdout, for_machines.stderr) == (0, "", "")


@pytest.mark.parametrize("arguments", [("--status", "lost"), ("--limit", "0")])
def test_a_list_that_makes_no_sense_is_a_usage_error(
    bookjob: Command, service: ScriptedService, arguments: tuple[str, ...]
) -> None:
    assert bookjob("list", *arguments).exit_code == 2
    assert service.requests == []


def test_watching_at_an_address_where_no_service_is_ends_at_once(
    bookjob: Command, service: ScriptedService, time: Time
) -> None:
    service.fail("GET", JOB_ID, *[httpx.ConnectError("refused")] * 1000)

    assert bookjob("watch", JOB_ID).exit_code == 3
    assert time.now < 10


@pytest.mark.parametrize(
    ("arguments", "last", "answered", "command"),
    [
        (("watch", JOB_ID), JOB_ID, 1, f"bookjob watch {JOB_ID}"),
        (("run", "emma.txt"), JOB_ID, 0, f"bookjob watch {JOB_ID}"),
        (("run", "emma.txt", "-o", "out"), "result", 0, f"bookjob result {JOB_ID} -o out"),
        (("result", JOB_ID), "tokens", 0, f"bookjob result {JOB_ID}"),
    ],
)
def test_an_outage_that_breaks_a_command_off_leaves_how_to_go_on(
    bookjob: Command, service: ScriptedService, arguments: tuple[str, ...], last: str, answered: int, command: str
) -> None:
    answers = [httpx.Response(200, json=job("running"))] * answered
    service.fail("GET", last, *answers, *[httpx.ConnectError("refused")] * 1000)

    ran = bookjob(*arguments)

    assert ran.exit_code == 3
    error, how_to_go_on = ran.stderr.splitlines()[-2:]
    assert error.startswith("Error: No answer from")
    assert how_to_go_on.endswith(f"with: {command}")


def test_the_latest_job_is_shown_as_it_stands(bookjob: Command, service: ScriptedService) -> None:
    assert "completed" in bookjob("latest", "--book-id", "emma").stdout
    assert service.requests[0].url.query == b"book_id=emma"


def test_no_latest_job_is_not_found(bookjob: Command, service: ScriptedService) -> None:
    service.fail("GET", "latest", problem(404, "There is no such job yet."))

    assert bookjob("latest").exit_code == 4


def test_a_job_that_is_retried_says_its_place(bookjob: Command) -> None:
    ran = bookjob("retry", JOB_ID)

    assert ran.stdout == "Queued again, 1st in the queue.\n"
    assert ran.stderr == f"Watch it with: bookjob watch {JOB_ID}\n"


def test_a_place_in_the_queue_that_is_not_known_is_not_made_up(bookjob: Command, service: ScriptedService) -> None:
    service.fail("POST", "retry", httpx.Response(200, json=job("pending", queue_position=None)))

    assert bookjob("retry", JOB_ID).stdout == "Queued again.\n"


def test_a_job_that_is_retried_can_be_watched_to_its_end(bookjob: Command, service: ScriptedService) -> None:
    service.looks = [job("running", stage="speakers"), job("failed", error_message="again")]

    ran = bookjob("retry", JOB_ID, "--watch", "--json")

    assert [json.loads(line)["status"] for line in ran.stdout.splitlines()] == ["running", "failed"]
    assert ran.exit_code == 1


def test_a_job_that_cannot_be_retried_is_refused(bookjob: Command, service: ScriptedService) -> None:
    service.fail("POST", "retry", problem(409, "it is completed"))

    assert bookjob("retry", JOB_ID).exit_code == 5


def test_cancelling_a_job_that_waits_says_so(bookjob: Command, service: ScriptedService) -> None:
    service.fail("POST", "cancel", httpx.Response(202, json={"job_id": JOB_ID, "status": "cancelled"}))

    ran = bookjob("cancel", JOB_ID, "--json")

    assert json.loads(ran.stdout) == {"job_id": JOB_ID, "status": "cancelled"}


def test_cancelling_a_job_that_runs_waits_until_it_has_stopped(bookjob: Command, service: ScriptedService) -> None:
    service.looks = [job("running"), job("running"), job("cancelled")]

    ran = bookjob("cancel", JOB_ID)

    assert (ran.exit_code, ran.stdout) == (0, "Cancelled.\n")


def test_cancelling_a_job_that_has_ended_is_refused(bookjob: Command, service: ScriptedService) -> None:
    service.fail("POST", "cancel", problem(409, "it is completed"))

    ran = bookjob("cancel", JOB_ID)

    assert ran.exit_code == 5
    assert ran.stderr == "Error: it is completed\n"


@pytest.mark.parametrize("end", ["completed", "failed"])
def test_cancelling_a_job_that_ends_by_itself_meanwhile_says_how_it_ended(
    bookjob: Command, service: ScriptedService, end: str
) -> None:
    service.looks = [job("running"), job(end)]

    ran = bookjob("cancel", JOB_ID)

    assert (ran.exit_code, ran.stdout) == (5, "")
    assert ran.stderr == f"Error: The job {end} before it could be stopped.\n"


def test_cancelling_tells_machines_how_a_job_ended_by_itself(bookjob: Command) -> None:
    ran = bookjob("cancel", JOB_ID, "--json")

    assert (ran.exit_code, json.loads(ran.stdout)) == (5, {"job_id": JOB_ID, "status": "completed"})


def test_deleting_says_what_is_gone(bookjob: Command, service: ScriptedService) -> None:
    assert bookjob("delete", JOB_ID).stdout == "Deleted: the text and the results are gone.\n"
    assert json.loads(bookjob("delete", JOB_ID, "--json").stdout) == {"job_id": JOB_ID, "status": "expired"}
    assert {request.url.path for request in service.requests} == {f"/v1/jobs/{JOB_ID}/result"}


def test_deleting_what_runs_is_refused(bookjob: Command, service: ScriptedService) -> None:
    service.fail("DELETE", "result", problem(409, "it is running"))

    assert bookjob("delete", JOB_ID).exit_code == 5


def test_every_job_that_stats_count_is_in_one_of_their_lines(bookjob: Command) -> None:
    shown = dict(re.split(r" {2,}", line.rstrip(), maxsplit=1) for line in bookjob("stats").stdout.splitlines())

    assert shown["Cancelled"] == "4"
    states = sum(int(shown[state].split()[0]) for state in ("Waiting", "Running", "Completed", "Failed", "Cancelled"))
    assert states == int(shown["Jobs in all"])


def test_status_tells_how_the_callback_fared(bookjob: Command, service: ScriptedService) -> None:
    callback = {"url": "https://books.example/told", "status": "pending", "attempts": 3, "last_error": "answered 500"}
    service.looks = [job(callback=callback)]

    assert "https://books.example/told (pending, tried 3 times: answered 500)" in bookjob("status", JOB_ID).stdout
