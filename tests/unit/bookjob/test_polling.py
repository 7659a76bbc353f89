"""How often a job is looked at."""

from bookjob.models import Job
from bookjob.polling import LONGEST, SHORTEST, Pace

from .conftest import job


def looked_at(**fields: object) -> Job:
    return Job.model_validate(job("running", **fields))


def test_a_job_that_rests_is_looked_at_less_and_less_often() -> None:
    pace = Pace()
    pauses = [pace.pause(looked_at(), took=0.0) for _ in range(20)]

    assert pauses[0] == SHORTEST
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST


def test_a_job_that_moves_is_looked_at_often_again() -> None:
    pace = Pace()
    for _ in range(20):
        pace.pause(looked_at(progress=3.0), took=0.0)

    assert pace.pause(looked_at(progress=4.0), took=0.0) == SHORTEST


def test_a_service_that_held_its_answer_is_asked_again_at_once() -> None:
    assert Pace().pause(looked_at(), took=20.0) == 0.0


def test_a_service_that_answers_at_once_is_never_asked_more_than_twice_a_second() -> None:
    pace = Pace()

    assert all(pace.pause(looked_at(progress=float(percent)), took=0.1) >= 0.4 for percent in range(100))
