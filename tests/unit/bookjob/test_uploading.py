"""How both clients upload a text: the form, what goes with it, and the wait for the job that it becomes."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from bookjob import errors
from bookjob.client import Client
from bookjob.models import JobState
from bookjob.polling import ARRIVAL_PATIENCE

from .conftest import JOB_ID, STORAGE, Connect, ScriptedService, Time, body_of, job, problem

#: 4.9 million characters, but a line end takes three bytes in Lambda's event, so there they weigh 6.3 million.
TOO_HEAVY = "A fox.\n" * 700_000

TOO_LARGE = b"<Error><Code>EntityTooLarge</Code><Message>exceeds the &quot;maximum&quot; size</Message></Error>"


def storage_requests(service: ScriptedService) -> list[httpx.Request]:
    return [request for request in service.requests if request.url.host == STORAGE]


def paths(service: ScriptedService) -> list[str]:
    return [f"{request.method} {request.url.path}" for request in service.requests]


def test_an_upload_sends_the_forms_fields_and_then_the_text(client: Client, service: ScriptedService) -> None:
    service.looks = [job("pending", queue_position=3)]

    submitted = client.upload("Æsop’s fables.", book_id="fables")

    assert (submitted.job_id, submitted.status, submitted.queue_position) == (JOB_ID, JobState.PENDING, 3)
    assert body_of(service.requests[0]) == {"book_id": "fables"}
    (sent,) = storage_requests(service)
    assert sent.headers["Content-Type"].startswith("multipart/form-data")
    fields, _, file = sent.content.decode().partition('name="file"')
    assert all(f'name="{name}"\r\n\r\n{value}' in fields for name, value in service.form["fields"].items())
    assert "\r\n\r\nÆsop’s fables.\r\n" in file


def test_a_file_is_sent_as_it_is_and_tells_how_far_it_is(
    client: Client, service: ScriptedService, tmp_path: Path
) -> None:
    book = tmp_path / "fables.txt"
    book.write_bytes(b"\xef\xbb\xbfA fox.\r\n" * 20_000)
    told: list[tuple[int, int | None]] = []

    client.upload(book, on_progress=lambda done, total: told.append((done, total)))

    (sent,) = storage_requests(service)
    assert b"\r\n\r\n" + book.read_bytes() + b"\r\n--" in sent.content
    assert int(sent.headers["Content-Length"]) == len(sent.content)
    assert told[0][0] < told[-1][0] == book.stat().st_size
    assert {total for _, total in told} == {book.stat().st_size}


def test_a_file_that_is_not_there_is_told_before_a_form_is_asked_for(
    client: Client, service: ScriptedService, tmp_path: Path
) -> None:
    with pytest.raises(errors.InvalidBook, match=r"none\.txt cannot be read: No such file"):
        client.upload(tmp_path / "none.txt")
    assert service.requests == []


def test_a_pipe_is_sent_whole(client: Client, service: ScriptedService, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    told: list[tuple[int, int | None]] = []
    with ThreadPoolExecutor() as writer:
        writer.submit(pipe.write_text, "A fox.")
        client.upload(pipe, on_progress=lambda done, total: told.append((done, total)))

    assert b"\r\n\r\nA fox.\r\n" in storage_requests(service)[0].content
    assert told[-1] == (6, 6)


def test_half_a_surrogate_pair_is_no_text_to_upload(client: Client, service: ScriptedService) -> None:
    with pytest.raises(errors.InvalidBook, match="lone surrogate"):
        client.upload("a\ud800")
    assert service.requests == []


class Draining(httpx.BaseTransport):
    """Takes a body piece by piece and keeps none."""

    def __init__(self, service: ScriptedService) -> None:
        self._service = service
        self.largest = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.SyncByteStream)
        self.largest = max([self.largest, *map(len, request.stream)])
        return self._service(request)


def test_a_file_is_never_whole_in_memory(service: ScriptedService, tmp_path: Path) -> None:
    book = tmp_path / "book.txt"
    book.write_bytes(b"A fox.\n" * 1_000_000)
    draining = Draining(service)

    with Client(transport=draining) as client:
        client.upload(book)

    assert 0 < draining.largest <= 64 * 1024


def test_the_storage_is_not_shown_the_key(connect: Connect, service: ScriptedService) -> None:
    connect(service, api_key="secret").upload("text")

    assert service.requests[0].headers["X-API-Key"] == "secret"
    assert "X-API-Key" not in storage_requests(service)[0].headers


def test_an_upload_that_breaks_is_sent_again_by_the_same_form(client: Client, service: ScriptedService) -> None:
    service.fail("POST", "books", httpx.WriteError("broke"), httpx.Response(503, text="<Code>SlowDown</Code>"))

    client.upload("text")

    assert paths(service)[:4] == ["POST /v1/uploads", "POST /books", "POST /books", "POST /books"]
    assert all(b"text" in request.content for request in storage_requests(service))


def test_an_upload_follows_the_storage_to_another_region(client: Client, service: ScriptedService) -> None:
    service.fail("POST", "books", httpx.Response(307, headers={"Location": f"https://eu.{STORAGE}/books"}))

    client.upload("text")

    assert service.requests[2].url.host == f"eu.{STORAGE}"
    assert b"text" in service.requests[2].content


def test_a_refusal_of_the_storage_is_told_in_its_words(client: Client, service: ScriptedService) -> None:
    service.fail("POST", "books", httpx.Response(400, content=TOO_LARGE), httpx.Response(403))

    with pytest.raises(errors.DocumentTooLarge, match='refused the upload: exceeds the "maximum" size'):
        client.upload("text")
    with pytest.raises(errors.NotAllowed, match="it answered 403"):
        client.upload("text")


def test_an_upload_is_looked_for_until_it_is_a_job(client: Client, service: ScriptedService, time: Time) -> None:
    service.fail("GET", JOB_ID, *[problem(404, "not yet") for _ in range(5)])

    assert client.upload("text").job_id == JOB_ID
    assert len(time.slept) == 5


def test_an_upload_that_finds_no_place_is_left_waiting(client: Client, service: ScriptedService, time: Time) -> None:
    service.fail("GET", JOB_ID, *[problem(404, "not yet") for _ in range(100)])

    with pytest.raises(errors.UploadWaits, match=f"waits for a place.*{JOB_ID}"):
        client.upload("text")
    assert ARRIVAL_PATIENCE <= time.now < ARRIVAL_PATIENCE + 5


def test_a_caller_can_wait_until_its_upload_finds_a_place(client: Client, service: ScriptedService, time: Time) -> None:
    service.fail("POST", "uploads", *[problem(503, "The queue is full.", Retry_After="7") for _ in range(3)])
    service.fail("GET", JOB_ID, *[problem(404, "not yet") for _ in range(100)])

    assert client.upload("text", wait_for_place=True).job_id == JOB_ID
    assert time.now > ARRIVAL_PATIENCE


@pytest.mark.parametrize("trouble", [httpx.ReadError("gone"), 502, 429])
@pytest.mark.parametrize("wait_for_place", [False, True])
def test_an_uploaded_text_is_looked_for_until_the_service_answers_again(
    client: Client, service: ScriptedService, trouble: Exception | int, wait_for_place: bool
) -> None:
    service.fail("GET", JOB_ID, *[problem(trouble, "oops") if isinstance(trouble, int) else trouble for _ in range(20)])

    assert client.upload("text", wait_for_place=wait_for_place).job_id == JOB_ID
    assert len(storage_requests(service)) == 1


@pytest.mark.parametrize("wait_for_place", [False, True])
def test_a_service_that_does_not_come_back_after_an_upload_leaves_its_caller_the_job(
    client: Client, service: ScriptedService, wait_for_place: bool
) -> None:
    service.fail("GET", JOB_ID, *[httpx.ConnectError("refused")] * 1000)

    with pytest.raises(errors.UploadWaits, match=JOB_ID):
        client.upload("text", wait_for_place=wait_for_place)


def test_an_upload_that_is_refused_afterwards_is_told_at_once(client: Client, service: ScriptedService) -> None:
    service.fail("GET", JOB_ID, problem(401, "Invalid API key"))

    with pytest.raises(errors.NotAllowed):
        client.upload("text")


def test_an_upload_that_waits_for_long_is_looked_for_twice_a_minute(
    client: Client, service: ScriptedService, time: Time
) -> None:
    service.fail("GET", JOB_ID, *[problem(404, "not yet") for _ in range(100)])

    client.upload("text", wait_for_place=True)

    assert time.slept[-1] == 30


def test_a_full_queue_gives_no_form(client: Client, service: ScriptedService) -> None:
    service.fail("POST", "uploads", problem(503, "The queue is full.", Retry_After="7"))

    with pytest.raises(errors.QueueFull):
        client.upload("text")
    assert storage_requests(service) == []


def test_a_text_too_heavy_for_a_request_is_uploaded_at_once(client: Client, service: ScriptedService) -> None:
    submitted = client.submit(TOO_HEAVY, model="mini", pipeline=["entity"], idempotency_key="mine")

    assert submitted.job_id == JOB_ID
    assert paths(service)[:2] == ["POST /v1/uploads", "POST /books"]
    assert body_of(service.requests[0]) == {"model": "mini", "pipeline": ["entity"]}
    assert service.requests[0].headers["Idempotency-Key"] == "mine"


def test_a_text_that_the_service_finds_too_large_is_uploaded(client: Client, service: ScriptedService) -> None:
    service.fail("POST", "jobs", problem(413, "too large"))

    client.submit("text", book_id="emma")

    assert paths(service)[:3] == ["POST /v1/jobs", "POST /v1/uploads", "POST /books"]


def test_a_text_of_five_million_plain_letters_goes_in_one_request(client: Client, service: ScriptedService) -> None:
    client.submit("x" * 5_000_000)

    assert paths(service) == ["POST /v1/jobs"]
