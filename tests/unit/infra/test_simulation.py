"""The simulation against what queueing theory knows, and against what must hold of any run."""

import math
import random
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.costs.arrivals import Books, Pattern, arrivals, times
from infra.costs.simulation import Arrival, Rule, Run, simulate

#: How far an average over this many books may be from its expectation.
BOOKS = 30_000
TOLERANCE = 0.05


def poisson(rate: float, work: Callable[[random.Random], float], number: int = BOOKS) -> list[Arrival]:
    """Books at so many a second, each with its own work."""
    dice = random.Random(7)
    moments = sorted(dice.uniform(0, number / rate) for _ in range(number))
    return [Arrival(at, work(dice)) for at in moments]


def pollaczek_khinchine(rate: float, mean: float, square: float) -> float:
    """The mean wait of M/G/1, from the service time's first two moments (Pollaczek 1930, Khinchine 1932)."""
    return rate * square / (2 * (1 - rate * mean))


def erlang_c(rate: float, mean: float, workers: int) -> float:
    """The mean wait of M/M/c (Erlang 1917)."""
    load = rate * mean
    tail = load**workers / math.factorial(workers) * workers / (workers - load)
    waits = tail / (sum(load**busy / math.factorial(busy) for busy in range(workers)) + tail)
    return waits * mean / (workers - load)


ALWAYS_ON = Rule(workers=1, always=1)


@pytest.mark.parametrize("load", [0.3, 0.7])
def test_one_worker_that_never_sleeps_waits_as_pollaczek_and_khinchine_say_for_equal_books(load: float) -> None:
    run = simulate(poisson(load / 100, lambda _: 100.0), ALWAYS_ON)
    assert run.mean_wait == pytest.approx(pollaczek_khinchine(load / 100, 100, 100**2), rel=TOLERANCE)


def test_one_worker_that_never_sleeps_waits_as_they_say_for_books_that_differ() -> None:
    run = simulate(poisson(0.006, lambda dice: dice.uniform(0, 200)), ALWAYS_ON)
    assert run.mean_wait == pytest.approx(pollaczek_khinchine(0.006, 100, 200**2 / 3), rel=TOLERANCE)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers_that_never_sleep_wait_as_erlang_says(workers: int) -> None:
    rate = 0.7 * workers / 100
    run = simulate(poisson(rate, lambda dice: dice.expovariate(1 / 100)), Rule(workers=workers, always=workers))
    assert run.mean_wait == pytest.approx(erlang_c(rate, 100, workers), rel=2 * TOLERANCE)


@pytest.mark.parametrize(("rate", "idle"), [(0.0005, 300.0), (0.002, 300.0), (0.005, 100.0), (0.005, 0.0)])
def test_a_worker_that_sleeps_is_paid_for_and_waited_for_as_renewal_theory_says(rate: float, idle: float) -> None:
    """M/G/1 with a delayed shut-down and a set-up time.

    After a busy period the worker sleeps with probability p = exp(-rate * idle), by the memoryless gap. A cycle from
    one empty system to the next then holds p set-ups and (1-p)/rate seconds of idling on average, and lasts
    (1 + p*rate*boot) / (rate*(1-load)). The wait is Pollaczek-Khinchine's plus that of the exceptional first
    customer's set-up (Welch 1964).
    """
    mean, boot = 100.0, 240.0
    run = simulate(poisson(rate, lambda _: mean), Rule(boot=boot, idle=idle))
    load, asleep = rate * mean, math.exp(-rate * idle)
    cycle = (1 + asleep * rate * boot) / (rate * (1 - load))
    paid = load + ((1 - asleep) / rate + asleep * boot) / cycle
    first = (2 * asleep * boot + rate * asleep * boot**2) / (2 * (1 + rate * asleep * boot))
    assert run.paid_seconds / (BOOKS / rate) == pytest.approx(paid, rel=TOLERANCE)
    assert run.mean_wait == pytest.approx(pollaczek_khinchine(rate, mean, mean**2) + first, rel=TOLERANCE)


def test_one_book_is_paid_for_from_its_boot_to_the_end_of_the_lingering() -> None:
    run = simulate([Arrival(10.0, 60.0)], Rule(react=60, boot=200, idle=300, linger=900))
    assert run.mean_wait == 260
    assert (run.boot_seconds, run.read_seconds, run.idle_seconds) == (200, 60, 300 + 900)


def test_a_book_that_comes_before_the_worker_sleeps_finds_it_awake() -> None:
    run = simulate([Arrival(0, 60), Arrival(200 + 60 + 299, 60)], Rule(boot=200, idle=300))
    assert [reading.wait for reading in run.readings] == [200, 0]
    assert len(run.workers) == 1


def test_a_second_worker_comes_for_a_second_book() -> None:
    slow, quick = (simulate([Arrival(0, 600), Arrival(0, 600)], Rule(workers=number, boot=100)) for number in (1, 2))
    assert [reading.wait for reading in slow.readings] == [100, 700]
    assert [reading.wait for reading in quick.readings] == [100, 100]


def test_without_books_nothing_is_paid_for_but_what_never_sleeps() -> None:
    assert simulate([], Rule()).paid_seconds == 0
    assert simulate([], Rule(workers=2, always=2), until=100).paid_seconds == 200


def test_a_percentile_is_a_wait_that_somebody_had() -> None:
    run = simulate([Arrival(0, 10)] * 4, ALWAYS_ON)
    assert [run.wait_percentile(percent) for percent in (0, 50, 75, 99, 100)] == [0, 10, 20, 30, 30]


@pytest.mark.parametrize("pattern", Pattern)
def test_the_same_seed_is_the_same_run_and_another_is_not(pattern: Pattern) -> None:
    books = Books(tokens=120_000, spread=0.6, tokens_per_second=1500, overhead=2)

    def run(seed: int) -> Run:
        moments = times(pattern, 500, 86_400, seed, burst=5)
        return simulate(arrivals(moments, books, seed), Rule(workers=2, boot=240, idle=300))

    assert run(1) == run(1)
    assert run(1) != run(2)


seconds = st.floats(0, 5_000, allow_nan=False)
books = st.lists(st.builds(Arrival, at=seconds, work=st.floats(0.1, 500)), max_size=40)
rules = st.builds(
    lambda workers, always, **times: Rule(workers=workers, always=min(always, workers), **times),
    workers=st.integers(1, 4),
    always=st.integers(0, 4),
    react=st.floats(0, 100),
    boot=st.floats(0, 500),
    idle=st.floats(0, 1_000),
    linger=st.floats(0, 1_000),
)


@given(books, rules)
def test_every_book_is_read_once_and_begun_in_the_order_of_its_arrival(coming: list[Arrival], rule: Rule) -> None:
    run = simulate(coming, rule)
    assert sorted(map(hash, (reading.arrival for reading in run.readings))) == sorted(map(hash, coming))
    for earlier, later in pairwise(run.readings):
        assert earlier.arrival.at <= later.arrival.at
        assert earlier.began_at <= later.began_at
    assert all(reading.wait >= 0 for reading in run.readings)


@given(books, rules)
def test_a_worker_reads_one_book_at_a_time_and_only_while_it_is_paid_for(coming: list[Arrival], rule: Rule) -> None:
    run = simulate(coming, rule)
    for place, worker in enumerate(run.workers):
        mine = [reading for reading in run.readings if reading.worker == place]
        assert all(earlier.ended_at <= later.began_at for earlier, later in pairwise(mine))
        assert all(worker.ready_at <= reading.began_at for reading in mine)
        assert all(reading.ended_at <= worker.stopped_at for reading in mine)
        assert worker.paid_from <= worker.ready_at <= worker.stopped_at <= worker.paid_until


@given(books, rules)
def test_nobody_waits_while_a_worker_has_nothing_to_do(coming: list[Arrival], rule: Rule) -> None:
    run = simulate(coming, rule)
    for reading in run.readings:
        for place, worker in enumerate(run.workers):
            busy = [one for one in run.readings if one.worker == place]
            awake = (max(worker.ready_at, reading.arrival.at), min(worker.stopped_at, reading.began_at))
            taken = sum(max(0.0, min(one.ended_at, awake[1]) - max(one.began_at, awake[0])) for one in busy)
            assert taken >= max(0.0, awake[1] - awake[0]) - 1e-6


@given(books, rules)
def test_never_are_there_more_workers_than_there_may_be(coming: list[Arrival], rule: Rule) -> None:
    run = simulate(coming, rule)
    for worker in run.workers:
        at_once = [one for one in run.workers if one.paid_from <= worker.paid_from < one.stopped_at]
        assert len(at_once) <= rule.workers or worker.paid_from == worker.stopped_at


@given(books, rules)
def test_what_is_paid_is_what_was_booted_read_and_idled(coming: list[Arrival], rule: Rule) -> None:
    run = simulate(coming, rule)
    assert run.paid_seconds == pytest.approx(run.boot_seconds + run.read_seconds + run.idle_seconds)
    assert run.read_seconds == pytest.approx(math.fsum(arrival.work for arrival in coming))


@given(books, rules)
def test_a_worker_that_never_sleeps_makes_nobody_wait_longer(coming: list[Arrival], rule: Rule) -> None:
    awake = simulate(coming, replace(rule, always=rule.workers))
    assert awake.mean_wait <= simulate(coming, rule).mean_wait + 1e-6
