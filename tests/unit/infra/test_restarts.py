"""A process that keeps dying is started again less and less often."""

from infra.local.restarts import LONGEST, SOUND_AFTER, BackOff


def test_the_wait_doubles_with_each_death_up_to_the_longest() -> None:
    back_off, waits = BackOff(), []
    for _ in range(7):
        back_off = back_off.after_death(ran_for=0.5)
        waits.append(back_off.delay)
    assert waits == [1, 2, 4, 8, 16, LONGEST, LONGEST]


def test_a_process_that_ran_well_for_a_while_is_started_again_at_once() -> None:
    tired = BackOff(deaths=5).after_death(ran_for=SOUND_AFTER)
    assert tired.delay == 1
