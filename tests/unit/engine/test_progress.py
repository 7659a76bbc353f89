from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_worker.engine import Cancelled, Progress, Stage, Task
from gpu_worker.engine.progress import COSTS, Meter, stages_of

SHARES = st.lists(st.floats(-1, 2), max_size=5)


class Ticking:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(SHARES, min_size=7, max_size=7), st.lists(st.booleans(), min_size=7, max_size=7))
def test_progress_never_falls_and_ends_at_one(shares: list[list[float]], inherited: list[bool]) -> None:
    heard: list[Progress] = []
    meter = Meter(frozenset(Task), heard.append, lambda: False)
    for stage, reported, is_inherited in zip(Stage, shares, inherited, strict=True):
        if is_inherited:
            meter.inherit(stage)
        else:
            advance = meter.run(stage)
            for share in [*reported, 1.0]:
                advance(share)
    fractions = [progress.fraction for progress in heard]
    assert fractions == sorted(fractions)
    assert all(0 <= fraction <= 1 for fraction in fractions)
    assert fractions[-1] == 1


@pytest.mark.parametrize("tasks", [some for size in range(1, 6) for some in combinations(Task, size)], ids="+".join)
def test_the_end_of_the_last_stage_is_the_end_whatever_is_asked_for(tasks: tuple[Task, ...]) -> None:
    heard: list[Progress] = []
    meter = Meter(frozenset(tasks), heard.append, lambda: False)
    for stage in stages_of(frozenset(tasks)):
        meter.run(stage)(1.0)
    assert heard[-1].fraction == 1


def test_stages_weigh_what_they_cost() -> None:
    heard: list[Progress] = []
    Meter(frozenset({Task.EVENT}), heard.append, lambda: False).run(Stage.TOKENS)(1.0)
    run = [Stage.TOKENS, Stage.TAGGING, Stage.QUOTES]
    assert stages_of(frozenset({Task.EVENT})) == run
    assert heard[-1].fraction == pytest.approx(COSTS[Stage.TOKENS] / sum(COSTS[stage] for stage in run))


def test_time_left_is_told_from_this_runs_speed_alone() -> None:
    heard: list[Progress] = []
    clock = Ticking()
    meter = Meter(frozenset(Task), heard.append, lambda: False, clock)
    meter.inherit(Stage.TOKENS)
    assert heard[-1].eta_seconds is None
    advance = meter.run(Stage.TAGGING)
    clock.now = 10.0
    advance(0.5)
    done = heard[-1].fraction - heard[0].fraction
    assert heard[-1].eta_seconds == pytest.approx(10.0 / done * (1 - heard[-1].fraction))


def test_a_stop_is_heard_at_the_next_step() -> None:
    asked = [False]
    advance = Meter(frozenset(Task), lambda _: None, lambda: asked[0]).run(Stage.TOKENS)
    advance(0.1)
    asked[0] = True
    with pytest.raises(Cancelled):
        advance(0.2)
