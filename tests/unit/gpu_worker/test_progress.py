"""What of the engine's progress reaches the record."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_worker.progress import ProgressReport
from gpu_worker.protocol import Advanced
from jobs.model import Progress
from tests.conftest import SettableClock


def tell(report: ProgressReport, clock: SettableClock, advanced: Advanced) -> Progress | None:
    """Note an advance and write what is due, as the heartbeat does."""
    report.note(advanced)
    now = clock()
    due = report.due(now)
    if due is not None:
        report.told(due, now)
    return due


def test_the_first_advance_is_written_at_once(clock: SettableClock) -> None:
    assert tell(ProgressReport(), clock, Advanced("tokens", 0.0, 90.0)) == Progress("tokens", 0.0, 90.0)


@pytest.mark.parametrize(
    ("seconds", "advanced", "written"),
    [
        (0.5, Advanced("tokens", 0.5), False),
        (0.5, Advanced("tagging", 0.5), False),
        (1.5, Advanced("tokens", 0.104), False),
        (1.5, Advanced("tokens", 0.11), True),
        (1.5, Advanced("tagging", 0.1), True),
    ],
)
def test_a_write_needs_a_second_and_a_percent_or_a_stage(
    seconds: float, advanced: Advanced, written: bool, clock: SettableClock
) -> None:
    report = ProgressReport()
    tell(report, clock, Advanced("tokens", 0.1))
    clock.advance(seconds)
    assert (tell(report, clock, advanced) is not None) is written


def test_what_was_held_back_is_written_later(clock: SettableClock) -> None:
    report = ProgressReport()
    tell(report, clock, Advanced("tokens", 0.1))
    tell(report, clock, Advanced("tokens", 0.5))
    assert report.due(clock.advance(1)) == Progress("tokens", 50.0)


def test_nothing_is_due_before_the_engine_says_something(clock: SettableClock) -> None:
    assert ProgressReport().due(clock()) is None


@given(fractions=st.lists(st.floats(0, 1), max_size=50))
def test_written_percents_only_rise_and_stay_below_a_hundred(fractions: list[float]) -> None:
    clock, report, written = SettableClock(), ProgressReport(), []
    for fraction in fractions:
        clock.advance(2)
        due = tell(report, clock, Advanced("tokens", fraction))
        written += [due.percent] if due else []
    assert written == sorted(written)
    assert all(percent < 100 for percent in written)
