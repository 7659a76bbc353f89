"""GET /v1/jobs/{job_id}/result and /files/{name}."""

import gzip
import io
import json
import time

import httpx
import pytest

from functions.api.limits import RESPONSE_LIMIT, base64_size
from jobs.documents import DocumentStore, StoredObject
from tests.contract.jobs_at_hand import RESULT, JobsAtHand
from tests.contract.transport import invoke, to_event

GZIP = {"Accept-Encoding": "gzip"}
PLAIN = {"Accept-Encoding": "identity"}


@pytest.mark.parametrize("encoding", ["gzip", "identity", "gzip;q=0", "br, gzip;q=0.5", "*", ""])
def test_a_result_is_the_stored_body_whatever_the_client_decodes(
    here: httpx.Client, at_hand: JobsAtHand, encoding: str
) -> None:
    job = at_hand.completed()
    answer = here.get(f"/v1/jobs/{job.job_id}/result", headers={"Accept-Encoding": encoding})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.json() == json.loads(at_hand.result_text(job))
    assert answer.json()["result"] == RESULT


@pytest.mark.parametrize(("headers", "expected"), [(GZIP, "gzip"), (PLAIN, None)], ids=["gzip", "identity"])
def test_only_a_client_that_takes_gzip_gets_it(
    here: httpx.Client, at_hand: JobsAtHand, headers: dict[str, str], expected: str | None
) -> None:
    answer = here.get(f"/v1/jobs/{at_hand.completed().job_id}/result", headers=headers)
    assert answer.headers.get("Content-Encoding") == expected


def test_a_result_too_large_for_an_answer_is_linked_to(here: httpx.Client, at_hand: JobsAtHand) -> None:
    job = at_hand.completed(body=gzip.compress(b"a" * RESPONSE_LIMIT, compresslevel=0))
    for headers in (GZIP, PLAIN):
        answer = here.get(f"/v1/jobs/{job.job_id}/result", headers=headers)
        assert answer.status_code == 303
        assert "Location" in answer.json()["detail"]
        location = httpx.URL(answer.headers["Location"])
        assert location.path.endswith(f"results/{job.job_id}/1/result.json.gz")
        assert int(location.params["X-Amz-Expires"]) == 300


def test_the_largest_result_makes_a_response_of_exactly_what_lambda_takes(
    here: httpx.Client, at_hand: JobsAtHand
) -> None:
    """With all headers that the function adds, the caller's own request id among them; base64 grows by fours."""
    small = gzip.compress(b"{}")
    headers = GZIP | {"X-Request-ID": "r" * 128}

    def answered(stored: bytes) -> tuple[int, int]:
        request = here.build_request("GET", f"/v1/jobs/{at_hand.completed(body=stored).job_id}/result", headers=headers)
        answer = invoke(to_event(request))
        return answer["statusCode"], len(json.dumps(answer))

    _, size = answered(small)
    largest = (RESPONSE_LIMIT - size + base64_size(len(small))) // 4 * 3
    status, size = answered(b"\0" * largest)
    assert status == 200
    assert RESPONSE_LIMIT - 4 < size <= RESPONSE_LIMIT
    assert answered(b"\0" * (largest + 1))[0] == 303


def test_a_result_that_unpacks_beyond_an_answer_goes_inline_as_gzip_and_is_linked_to_as_text(
    here: httpx.Client, at_hand: JobsAtHand
) -> None:
    job = at_hand.completed(body=gzip.compress(b'"' + b"a" * RESPONSE_LIMIT + b'"'))
    assert here.get(f"/v1/jobs/{job.job_id}/result", headers=GZIP).status_code == 200
    assert here.get(f"/v1/jobs/{job.job_id}/result", headers=PLAIN).status_code == 303


def test_an_unfinished_job_has_no_result_yet(here: httpx.Client, at_hand: JobsAtHand) -> None:
    for job in (at_hand.halfway(), at_hand.pending()):
        answer = here.get(f"/v1/jobs/{job.job_id}/result")
        assert answer.status_code == 425
        assert f"is {job.status}" in answer.json()["detail"]
        assert int(answer.headers["Retry-After"]) > 0


def test_a_failed_job_never_has_a_result_and_says_why(here: httpx.Client, at_hand: JobsAtHand) -> None:
    answer = here.get(f"/v1/jobs/{at_hand.failed('The text has no words.').job_id}/result")
    assert answer.status_code == 409
    assert "is failed and has no result: The text has no words." in answer.json()["detail"]


def test_a_cancelled_job_never_has_a_result(here: httpx.Client, at_hand: JobsAtHand) -> None:
    job = at_hand.pending()
    here.delete(f"/v1/jobs/{job.job_id}")
    answer = here.get(f"/v1/jobs/{job.job_id}/result")
    assert answer.status_code == 409
    assert "is cancelled" in answer.json()["detail"]


def test_an_expired_result_is_not_there(here: httpx.Client, at_hand: JobsAtHand) -> None:
    answer = here.get(f"/v1/jobs/{at_hand.expired().job_id}/result")
    assert answer.status_code == 404
    assert "Submit the text again" in answer.json()["detail"]


def test_a_result_whose_object_is_gone_is_not_there(here: httpx.Client, at_hand: JobsAtHand) -> None:
    job = at_hand.completed()
    at_hand.service.documents.delete_results(job.job_id)
    assert here.get(f"/v1/jobs/{job.job_id}/result").status_code == 404


def test_a_result_that_goes_while_it_is_fetched_is_not_there_and_its_place_is_for_the_log_alone(
    here: httpx.Client, at_hand: JobsAtHand, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, locate = at_hand.completed(), DocumentStore.locate

    def locate_and_lose(documents: DocumentStore, key: str) -> StoredObject:
        stored = locate(documents, key)
        documents.delete_text(key)
        return stored

    monkeypatch.setattr(DocumentStore, "locate", locate_and_lose)
    answer = here.get(f"/v1/jobs/{job.job_id}/result")
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("What is asked for is not stored any more")
    assert "results/" not in answer.text
    assert f"results/{job.job_id}/" in log.getvalue()


@pytest.mark.parametrize("headers", [GZIP, PLAIN], ids=["gzip", "identity"])
@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("tokens", "text/tab-separated-values; charset=utf-8"),
        ("book", "application/json"),
        ("book.html", "text/html; charset=utf-8"),
    ],
)
def test_a_file_comes_byte_for_byte(
    here: httpx.Client, at_hand: JobsAtHand, name: str, content_type: str, headers: dict[str, str]
) -> None:
    text = 'a\tRenée\r\n"b"\n\n'
    job = at_hand.completed(files={name: text})
    answer = here.get(f"/v1/jobs/{job.job_id}/files/{name}", headers=headers)
    assert answer.status_code == 200
    assert answer.content == text.encode()
    assert answer.headers["Content-Type"] == content_type


def test_a_page_made_of_a_strangers_book_can_run_nothing(here: httpx.Client, at_hand: JobsAtHand) -> None:
    job = at_hand.completed(files={"book.html": "<script>alert(1)</script>"})
    policy = here.get(f"/v1/jobs/{job.job_id}/files/book.html").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy


def test_a_page_too_large_for_an_answer_is_linked_to_under_the_same_policy_and_saved_from_there(
    here: httpx.Client, at_hand: JobsAtHand
) -> None:
    job = at_hand.completed(files={"book.html": "".join(map(str, range(5_000_000)))})
    answer = here.get(f"/v1/jobs/{job.job_id}/files/book.html", headers=GZIP)
    assert answer.status_code == 303
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert httpx.URL(answer.headers["Location"]).params["response-content-disposition"] == "attachment"


def test_a_file_of_no_known_name_is_not_there_and_the_names_are_told(here: httpx.Client, at_hand: JobsAtHand) -> None:
    answer = here.get(f"/v1/jobs/{at_hand.completed().job_id}/files/result.json.gz")
    assert answer.status_code == 404
    assert "tokens, entities, supersense, quotes, book, book.html" in answer.json()["detail"]


def test_a_file_that_the_pipeline_did_not_make_is_not_there(here: httpx.Client, at_hand: JobsAtHand) -> None:
    answer = here.get(f"/v1/jobs/{at_hand.completed().job_id}/files/quotes")
    assert answer.status_code == 404
    assert "pipeline" in answer.json()["detail"]


def test_the_files_of_an_unfinished_job_are_not_there_yet(here: httpx.Client, at_hand: JobsAtHand) -> None:
    assert here.get(f"/v1/jobs/{at_hand.pending().job_id}/files/tokens").status_code == 425


@pytest.mark.timeout(600)
def test_a_live_worker_reads_a_text_and_its_result_has_the_contracts_columns(live: httpx.Client) -> None:
    text = '"Hello, Tom," said Ann. Tom looked at her. He smiled.'
    job_id = live.post("/v1/jobs", json={"text": text, "model": "mini"}).json()["job_id"]
    while live.get(f"/v1/jobs/{job_id}").json()["status"] in ("pending", "running"):
        time.sleep(0.5)
    body = live.get(f"/v1/jobs/{job_id}/result").json()
    assert body["status"] == "completed"
    assert {token["word"] for token in body["result"]["tokens"]} >= {"Hello", "Tom", "Ann", "smiled"}
    assert body["token_count"] == len(body["result"]["tokens"])
    assert set(body["result"]) == {"tokens", "entities", "quotes", "characters", "events", "supersenses"}
