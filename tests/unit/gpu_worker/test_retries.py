"""Which errors are worth another attempt."""

from typing import NoReturn

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from gpu_worker import retries
from gpu_worker.errors import EngineDied, PermanentFailure, TransientFailure
from gpu_worker.retries import ErrorKind, Fail, Retry, decide, kind_of, persist, reason
from jobs.errors import DocumentMissing

PERMANENT, TRANSIENT = ErrorKind.PERMANENT, ErrorKind.TRANSIENT
THROTTLED = ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "UpdateItem")


@pytest.mark.parametrize(
    ("kind", "failures", "max_failures", "decision"),
    [
        (PERMANENT, 1, 3, Fail(exhausted=False)),
        (PERMANENT, 3, 3, Fail(exhausted=False)),
        (TRANSIENT, 1, 3, Retry(wait=2)),
        (TRANSIENT, 2, 3, Retry(wait=4)),
        (TRANSIENT, 3, 3, Fail(exhausted=True)),
        (TRANSIENT, 4, 3, Fail(exhausted=True)),
        (TRANSIENT, 1, 1, Fail(exhausted=True)),
        (TRANSIENT, 30, 99, Retry(wait=60)),
    ],
)
def test_a_decision_follows_from_the_kind_and_the_failures_so_far(
    kind: ErrorKind, failures: int, max_failures: int, decision: Fail | Retry
) -> None:
    assert decide(kind, failures, max_failures) == decision


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (PermanentFailure("no word"), PERMANENT),
        (DocumentMissing("gone"), PERMANENT),
        (TransientFailure("hung"), TRANSIENT),
        (EngineDied("SIGSEGV"), TRANSIENT),
        (THROTTLED, TRANSIENT),
        (EndpointConnectionError(endpoint_url="s3"), TRANSIENT),
        (KeyError("surprise"), TRANSIENT),
    ],
)
def test_only_what_no_attempt_can_change_is_permanent(error: Exception, kind: ErrorKind) -> None:
    assert kind_of(error) is kind


@pytest.mark.parametrize("error", [THROTTLED, KeyError("secret"), DocumentMissing("documents/secret.txt")])
def test_a_reason_is_a_sentence_that_tells_nothing_of_the_insides(error: Exception) -> None:
    sentence = reason(error)
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert not any(word in sentence for word in ("Error", "Exception", "secret", "UpdateItem"))


def test_a_wait_is_at_least_a_second_and_at_most_what_was_decided() -> None:
    assert {retries.jittered(3) for _ in range(200)} == {1, 2, 3}


def test_a_call_that_fails_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "LONGEST_PAUSE", 0.0)
    failures = [THROTTLED, THROTTLED]

    def call() -> str:
        if failures:
            raise failures.pop()
        return "done"

    assert persist(call) == "done"


def test_a_call_that_keeps_failing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "LONGEST_PAUSE", 0.0)
    made = []

    def call() -> NoReturn:
        made.append(1)
        raise THROTTLED

    with pytest.raises(ClientError):
        persist(call)
    assert len(made) == retries.CALL_TRIES
