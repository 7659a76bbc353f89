"""Books arriving at workers that sleep: a discrete-event simulation of the scaling rule of `infra/service.yaml`.

Books are begun in the order of their arrival, by whichever worker is free. While there are more unfinished books than
workers, one more is started, up to `workers`; a worker that has had nothing to do for `idle` seconds stops. Time is in
seconds. Nothing in here is random: the same arrivals under the same rule are the same run.
"""

import heapq
import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import count


@dataclass(frozen=True, slots=True)
class Arrival:
    """A book that comes in."""

    #: When, in seconds from the beginning.
    at: float
    #: How long a worker takes to read it.
    work: float


@dataclass(frozen=True, slots=True)
class Rule:
    """How workers come and go."""

    #: The most there may be: the deployment's WorkerConcurrency.
    workers: int = 1
    #: How many never stop.
    always: int = 0
    #: From the arrival that calls for a worker until a machine is asked for.
    react: float = 0.0
    #: From then until its worker takes its first book. The machine is paid for.
    boot: float = 0.0
    #: How long a worker has nothing to do before it stops.
    idle: float = math.inf
    #: How long the machine of a worker that stopped is still paid for.
    linger: float = 0.0


@dataclass(frozen=True, slots=True)
class Reading:
    """One book's way: it came, was begun by a worker, and was done."""

    arrival: Arrival
    #: The place of its worker among the run's.
    worker: int
    began_at: float

    @property
    def wait(self) -> float:
        """From its arrival until a worker began it."""
        return self.began_at - self.arrival.at

    @property
    def ended_at(self) -> float:
        """When its result was there."""
        return self.began_at + self.arrival.work


@dataclass(slots=True)
class Worker:
    """One worker from its machine's start to its end."""

    #: From when on its machine is paid for.
    paid_from: float
    #: When it could take its first book.
    ready_at: float
    #: When it stopped; infinity while it works.
    stopped_at: float = math.inf
    #: Until when its machine is paid for.
    paid_until: float = math.inf
    #: Since when it has had nothing to do; infinity while it reads or boots.
    free_since: float = math.inf


@dataclass(frozen=True, slots=True)
class Run:
    """What came of the arrivals."""

    readings: Sequence[Reading]
    workers: Sequence[Worker]
    #: The most books that waited at once.
    longest_queue: int

    @property
    def read_seconds(self) -> float:
        """Machine time spent on reading."""
        return math.fsum(reading.arrival.work for reading in self.readings)

    @property
    def boot_seconds(self) -> float:
        """Machine time paid for before a worker's first book."""
        return math.fsum(worker.ready_at - worker.paid_from for worker in self.workers)

    @property
    def paid_seconds(self) -> float:
        """Machine time paid for, all together."""
        return math.fsum(worker.paid_until - worker.paid_from for worker in self.workers)

    @property
    def idle_seconds(self) -> float:
        """Machine time paid for with nothing to do."""
        return max(0.0, self.paid_seconds - self.read_seconds - self.boot_seconds)

    def wait_percentile(self, percent: float) -> float:
        """Return the wait that so many percent of the books did not exceed (nearest rank); 0 without any book."""
        waits = sorted(reading.wait for reading in self.readings)
        return waits[max(0, math.ceil(percent / 100 * len(waits)) - 1)] if waits else 0.0

    @property
    def mean_wait(self) -> float:
        """The average wait; 0 without any book."""
        return math.fsum(reading.wait for reading in self.readings) / len(self.readings) if self.readings else 0.0


class _Event(IntEnum):
    """What may happen; of what happens at the same time, the first of these comes first."""

    DONE = 0
    READY = 1
    ARRIVED = 2
    TIRED = 3


def simulate(arrivals: Iterable[Arrival], rule: Rule, until: float = 0.0) -> Run:
    """Return the run of the arrivals under the rule, until all books are read.

    Workers that never stop are paid for up to `until`, or to the last book's end where that is later.
    """
    simulation = _Simulation(rule)
    simulation.play(sorted(arrivals, key=lambda arrival: arrival.at))
    return simulation.finish(until)


@dataclass
class _Simulation:
    rule: Rule
    readings: list[Reading] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    waiting: deque[Arrival] = field(default_factory=deque)
    free: list[int] = field(default_factory=list)
    reading: int = 0
    alive: int = 0
    longest_queue: int = 0
    now: float = 0.0
    _agenda: list[tuple[float, _Event, int, int]] = field(default_factory=list, init=False)
    _tickets: "count[int]" = field(default_factory=count, init=False)

    def play(self, arrivals: Sequence[Arrival]) -> None:
        for _ in range(self.rule.always):
            self._hire(paid_from=0.0, ready_at=0.0)
        for place, arrival in enumerate(arrivals):
            self._plan(arrival.at, _Event.ARRIVED, place)
        while self._agenda:
            self.now, event, _, subject = heapq.heappop(self._agenda)
            match event:
                case _Event.ARRIVED:
                    self.waiting.append(arrivals[subject])
                    self._assign()
                    self._scale()
                    self.longest_queue = max(self.longest_queue, len(self.waiting))
                case _Event.DONE:
                    self.reading -= 1
                    self._release(subject)
                case _Event.READY:
                    self._release(subject)
                case _Event.TIRED:
                    self._dismiss(subject)

    def finish(self, until: float) -> Run:
        end = max([until, *(reading.ended_at for reading in self.readings)])
        for worker in self.workers:
            if math.isinf(worker.stopped_at):
                worker.stopped_at = worker.paid_until = max(end, worker.ready_at)
        return Run(self.readings, self.workers, self.longest_queue)

    def _plan(self, at: float, event: _Event, subject: int) -> None:
        heapq.heappush(self._agenda, (at, event, next(self._tickets), subject))

    def _hire(self, paid_from: float, ready_at: float) -> None:
        self.alive += 1
        self.workers.append(Worker(paid_from, ready_at))
        self._plan(ready_at, _Event.READY, len(self.workers) - 1)

    def _scale(self) -> None:
        wanted = min(self.rule.workers, len(self.waiting) + self.reading)
        while self.alive < wanted:
            asked_at = self.now + self.rule.react
            self._hire(asked_at, asked_at + self.rule.boot)

    def _assign(self) -> None:
        while self.waiting and self.free:
            place, arrival = self.free.pop(), self.waiting.popleft()
            self.workers[place].free_since = math.inf
            self.reading += 1
            self.readings.append(Reading(arrival, place, self.now))
            self._plan(self.now + arrival.work, _Event.DONE, place)

    def _release(self, place: int) -> None:
        self.workers[place].free_since = self.now
        self.free.append(place)
        self._assign()
        if math.isfinite(self.workers[place].free_since + self.rule.idle):
            self._plan(self.now + self.rule.idle, _Event.TIRED, place)

    def _dismiss(self, place: int) -> None:
        worker = self.workers[place]
        if worker.free_since + self.rule.idle > self.now or self.alive <= self.rule.always:
            return  # it was given a book meanwhile, or may never stop
        self.alive -= 1
        self.free.remove(place)
        worker.stopped_at = self.now
        worker.paid_until = self.now + self.rule.linger
