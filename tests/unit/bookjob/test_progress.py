"""How progress looks in a log and on a terminal."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bookjob.models import Job
from bookjob.progress import job_progress
from bookjob.wording import describe, duration, ordinal

from .conftest import job


def jobs(*shown: dict[str, object]) -> list[Job]:
    return [Job.model_validate(one) for one in shown]


def shown(console: Console, *shown: dict[str, object]) -> str:
    with job_progress(console) as show:
        for one in jobs(*shown):
            show(one)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_log_gets_a_line_for_each_change_and_no_more() -> None:
    log = shown(
        Console(file=io.StringIO()),
        job("pending", queue_position=3),
        job("pending", queue_position=3),
        job("pending", queue_position=1),
        job("running", stage="tagging", progress=11.0, eta_seconds=90.0),
        job("running", stage="tagging", progress=12.5, eta_seconds=88.0),
        job("running", stage="tagging", progress=21.0, eta_seconds=80.0),
        job(),
    )

    assert log.splitlines() == [
        "Waiting, 3rd in the queue",
        "Waiting, next to run",
        " 11 %  Finding people, places and events, about 1 min 30 s left",
        " 21 %  Finding people, places and events, about 1 min 20 s left",
        "100 %  Done",
    ]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_terminal_gets_one_line_that_leaves_room_at_its_end(width: int) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    seen = shown(console, job("running", stage="tagging", progress=21.0, eta_seconds=7259.0))

    assert "Finding people, places and events" in seen or width < 80
    assert " 21 %" in seen or width < 80
    assert all(len(line.rpartition("\x1b[2K")[2].rstrip()) < width for line in seen.splitlines() if "Finding" in line)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"status": "pending"}, "Waiting for a worker"),
        ({"status": "pending", "queue_position": 12}, "Waiting, 12th in the queue"),
        ({"status": "running"}, "Starting"),
        ({"status": "running", "stage": "a_later_stage"}, "A later stage"),
        ({"status": "cancelled"}, "Cancelled"),
    ],
)
def test_what_a_job_does_is_said_in_words(fields: dict[str, object], words: str) -> None:
    assert describe(Job.model_validate(job() | fields)) == words


def test_every_stage_of_the_engine_has_words_of_its_own() -> None:
    from gpu_worker.engine.document import Stage

    for stage in Stage:
        words = describe(Job.model_validate(job("running", stage=stage.value)))
        assert len(words.split()) > 1
        assert len(words) <= len("Finding people, places and events")


@given(st.floats(0, 1e6))
def test_a_time_is_said_in_two_units_at_most(seconds: float) -> None:
    assert 1 <= len(duration(seconds).split()) // 2 <= 2


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "1 s"), (59.6, "1 min"), (185, "3 min 5 s"), (3600, "1 h"), (4801, "1 h 20 min")]
)
def test_a_time_is_said_as_people_say_it(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("number", "rank"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (11, "11th"), (22, "22nd"), (113, "113th")]
)
def test_ranks_are_english(number: int, rank: str) -> None:
    assert ordinal(number) == rank
