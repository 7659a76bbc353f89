"""What becomes of the client's errors on their way."""

import pickle

import pytest

from bookjob import errors
from bookjob.models import Job

from .conftest import JOB_ID, job


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidUrl("books.example"),
        errors.StorageUnreachable("storage.example", "no connection", never_sent=True),
        errors.UnexpectedAnswer("http://books.example", "status: Field required"),
        errors.JobTimedOut(JOB_ID, 30),
        errors.UploadWaits(JOB_ID),
        errors.JobFailed(Job.model_validate(job("failed", error_message="it has no words"))),
        errors.NotAllowed(401, "Missing API key"),
        errors.QueueFull(503, "The queue is full.", retry_after=30.0),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_crosses_from_a_pool_of_processes_as_it_is(error: errors.BookjobError) -> None:
    crossed = pickle.loads(pickle.dumps(error))  # noqa: S301 - made in this line

    assert type(crossed) is type(error)
    assert str(crossed) == str(error)
    assert vars(crossed) == vars(error)
