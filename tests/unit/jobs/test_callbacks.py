"""When a callback is tried, until when, and what it is signed with."""

import base64
import json
import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.callbacks.model import ATTEMPT_TIME, LONGEST_PAUSE, TRIED_FOR, Callback, CallbackState, pause_after
from jobs.callbacks.outbox import from_item, to_item
from jobs.callbacks.secrets import SigningSecrets
from jobs.callbacks.signature import signed, written
from jobs.model import Job, Status
from tests.receiver import documented_verify, example

NOW = datetime(2026, 1, 20, 10, tzinfo=UTC)
URL = "https://hooks.example.com/a"

#: The vector that Standard Webhooks' reference libraries are tested with.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VECTOR = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
VECTOR_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

jitters = st.floats(0, 1)


def ended(**changes: Any) -> Job:
    job = Job(
        job_id="11111111-1111-4111-8111-111111111111",
        tenant="public",
        status=Status.COMPLETED,
        submitted_at=NOW - timedelta(minutes=5),
        completed_at=NOW,
        document_key="documents/x.txt",
        characters=5,
        model="mini",
        pack="mini@1",
        pipeline=("entity",),
        callback_url=URL,
    )
    return job.evolve(**changes)


def announced(**changes: Any) -> Callback:
    callback = Callback.of(ended(**changes))
    assert callback is not None
    return callback


def test_a_callback_is_kept_for_two_days_and_for_as_long_as_its_job() -> None:
    two_days, a_week = (int((NOW + timedelta(days=days)).timestamp()) for days in (2, 7))
    assert announced().purge_at == announced(purge_at=two_days - 1).purge_at == two_days
    assert announced(purge_at=a_week).purge_at == a_week


def key_of(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix("whsec_"))


def test_a_callback_is_signed_as_the_standards_vector_says() -> None:
    headers = signed(*VECTOR, [key_of(SECRET)])
    assert headers == {
        "webhook-id": VECTOR[0],
        "webhook-timestamp": "1614265330",
        "webhook-signature": VECTOR_SIGNATURE,
    }
    assert written(key_of(SECRET)) == SECRET


def test_each_valid_secret_signs_once_and_the_current_one_first() -> None:
    secrets = SigningSecrets(key_of(SECRET), b"b" * 32, NOW)
    before, after = (secrets.valid_at(NOW + timedelta(seconds=late)) for late in (-1, 0))
    assert (before, after) == ((key_of(SECRET), b"b" * 32), (key_of(SECRET),))
    signatures = signed(*VECTOR, before)["webhook-signature"].split(" ")
    assert signatures[0] == VECTOR_SIGNATURE
    assert len(set(signatures)) == 2


@given(st.binary(max_size=200), st.lists(st.binary(min_size=24, max_size=64), min_size=1, max_size=2, unique=True))
def test_the_documented_receiver_takes_what_is_signed_by_either_secret_and_nothing_else(
    body: bytes, secrets: list[bytes]
) -> None:
    verify = documented_verify()
    headers = signed("msg_1", int(time.time()), body, secrets)
    assert all(verify(written(secret), headers, body) for secret in secrets)
    assert not verify(written(b"another" * 5), headers, body)
    assert not verify(written(secrets[0]), headers, body + b" ")
    assert not verify(written(secrets[0]), headers | {"webhook-id": "msg_2"}, body)
    assert not verify(written(secrets[0]), signed("msg_1", int(time.time()) - 301, body, secrets), body)


@pytest.mark.skipif(shutil.which("node") is None, reason="not installed on this machine: node")
def test_the_documented_receiver_in_javascript_does_the_same(tmp_path: Path) -> None:
    body = '{"type": "job.completed", "data": {"book_id": "Renée"}}'.encode()
    fresh = signed("msg_1", int(time.time()), body, [b"old" * 10, key_of(SECRET)])
    stale = signed("msg_1", int(time.time()) - 301, body, [key_of(SECRET)])
    asked = [[SECRET, fresh], [SECRET, fresh | {"webhook-id": "msg_2"}], [written(b"x" * 32), fresh], [SECRET, stale]]
    script = tmp_path / "verify.mjs"
    script.write_text(
        example("js")
        + f"const body = Buffer.from({json.dumps(body.decode())})\n"
        + f"console.log(JSON.stringify({json.dumps(asked)}.map(([secret, headers]) => verify(secret, headers, body))))"
    )
    told = subprocess.run(["node", str(script)], capture_output=True, text=True, timeout=30)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == [True, False, False, False]


@given(st.integers(1, 1000), jitters)
def test_a_pause_lies_between_its_half_and_its_whole_and_never_beyond_the_longest(attempts: int, jitter: float) -> None:
    least, most, drawn = (pause_after(attempts, each) for each in (0, 1, jitter))
    assert least <= drawn <= most <= LONGEST_PAUSE
    assert most == 2 * least
    assert pause_after(attempts + 1, 1) >= most


@given(st.lists(jitters, min_size=60, max_size=60), st.timedeltas(timedelta(0), ATTEMPT_TIME))
def test_a_callback_that_is_never_taken_is_tried_for_a_day_and_then_given_up(
    jitter: list[float], each_takes: timedelta
) -> None:
    callback, now, begun_at = announced(), NOW, []
    for drawn in jitter:
        begun_at.append(now)
        now += each_takes
        callback = callback.begun(now).missed("it answered 500", now, drawn)
        if callback.next_attempt_at is None:
            break
        assert callback.next_attempt_at >= now
        now = callback.next_attempt_at
    assert (callback.state, callback.last_error) == (CallbackState.FAILED, "it answered 500")
    assert begun_at[-1] == NOW + TRIED_FOR or begun_at[-1] <= NOW + TRIED_FOR <= begun_at[-1] + each_takes
    assert 10 <= len(begun_at) <= 25


def test_the_first_attempt_waits_for_nothing_and_each_later_one_for_its_time() -> None:
    callback = announced()
    assert callback.due_by(NOW - timedelta(seconds=5)), "the clock of whoever ended the job may be ahead"
    missed = callback.begun(NOW).missed("it answered 500", NOW, jitter=1)
    assert missed.next_attempt_at == NOW + timedelta(seconds=5)
    assert not missed.due_by(NOW + timedelta(seconds=4.9))
    assert missed.due_by(NOW + timedelta(seconds=5))
    assert not missed.begun(NOW).delivered().due_by(NOW + timedelta(days=1))


def test_each_end_of_a_job_has_a_callback_of_its_own_and_the_same_end_the_same() -> None:
    again = announced(completed_at=NOW + timedelta(milliseconds=1), status=Status.CANCELLED)
    assert announced().callback_id == announced(progress=3.0).callback_id != again.callback_id
    assert (announced().event, again.event) == ("job.completed", "job.cancelled")
    assert "." not in again.callback_id, "it would not stand apart in what is signed"


@pytest.mark.parametrize("job", [ended(callback_url=None), ended(completed_at=None)])
def test_without_an_address_or_an_end_there_is_none(job: Job) -> None:
    assert Callback.of(job) is None


@given(st.sampled_from(CallbackState), st.integers(0, 30), st.none() | st.text(max_size=20), st.none() | st.just(NOW))
def test_a_record_reads_back_as_the_callback_that_was_written(
    state: CallbackState, attempts: int, error: str | None, at: datetime | None
) -> None:
    callback = Callback(
        callback_id="msg_1", url=URL, job=ended(), state=state, attempts=attempts, last_error=error, next_attempt_at=at
    )
    item = to_item(callback)
    assert from_item(item) == callback
    assert ("due_at" in item) == ("status" in item) == (at is not None)
