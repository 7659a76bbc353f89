"""What a deployment costs in a month, line by line.

What a book causes is counted from the code that reads it; what machines are paid for is simulated, over so many books
that chance hardly shows, under the very rule that the workers are scaled by.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Final

from infra.costs.arrivals import HOUR, Books, Pattern, arrivals, times
from infra.costs.prices import Prices
from infra.costs.simulation import Rule, Run, simulate

#: The hours of an average month, as AWS counts them.
MONTH_HOURS: Final = 730.0
GB: Final = 1e9

#: How many books stand for a month's, however many there are.
SAMPLE: Final = 5_000

#: What the chance of their coming and of their lengths is drawn from, so that the same question has the same answer.
SEED: Final = 1

#: What two cores read, in tokens per second: measured by `make bench` with the pack `mini`, 27,743 tokens in 18.3 s.
CPU_SPEED: Final = 1_500.0

#: How busy workers may be kept on average: beyond it waits grow out of hand.
BUSIEST: Final = 0.8


class Network(StrEnum):
    """How the worker's network leads to AWS (the template's `NetworkEgress`)."""

    ENDPOINTS = "endpoints"
    NAT = "nat"
    #: The worker runs outside of the deployment.
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Machine:
    """What workers run on."""

    name: str
    #: US dollars for an hour of it, its disk included.
    hour: float
    rule: Rule
    network: Network
    #: The interface endpoints of its network, where that has any.
    endpoints: int
    tokens_per_second: float


@dataclass(frozen=True, slots=True)
class Footprint:
    """What one book, and a deployment by itself, make AWS do."""

    #: Of the text, in bytes for each token; and of everything that is made of it, compressed. Measured on the example.
    text_bytes: float = 4.2
    result_bytes: float = 56.0
    #: Answers that a watcher is given: one at each percent, one every 20 seconds.
    news: int = 100
    news_seconds: float = 20.0
    #: Write units: the moves of a job with the indexes that show them, and each percent or heartbeat on its way.
    move_writes: int = 60
    percent_writes: int = 8
    beat_seconds: float = 20.0
    #: Of each request, for the limit of its caller.
    limit_writes: int = 1
    #: Every job is called back once: write units of its record, put and changed twice with its entry in an index; read
    #: units of it and the secret; messages sent, received and deleted; seconds of a receiver at half a gigabyte.
    callback_writes: int = 12
    callback_reads: int = 2
    callback_messages: int = 3
    callback_seconds: float = 1.0
    #: The invocations of the function that queues it and of the one that sends it.
    callback_invocations: int = 2
    callback_log_bytes: float = 3_000
    #: Objects that a job writes and reads: the text, seven checkpoints, seven results.
    objects: int = 15
    #: Of logs, for each book and for each request.
    book_log_bytes: float = 25_000
    request_log_bytes: float = 1_500
    #: How often a message is sent, received, extended and deleted, and how often an idle worker asks a second.
    messages: int = 4
    polls_per_second: float = 0.5
    #: For how many hours texts and results are kept.
    kept_hours: float = 1.0
    #: The metrics of our own, the stages' included; those that alarms read.
    metrics: int = 42
    alarm_metrics: int = 40
    #: Interface endpoints, in one zone: those of any worker, and those of ECS's agent on a machine of our own.
    endpoints: int = 5
    agent_endpoints: int = 3
    image_gb: float = 5.0
    disk_gb: float = 60.0
    #: A task of Fargate.
    fargate_cpus: float = 4.0
    fargate_gb: float = 16.0
    #: The janitor, once a minute: seconds at half a gigabyte, read units, bytes of log.
    janitor_seconds: float = 0.5
    janitor_reads: int = 20
    janitor_log_bytes: float = 1_500
    #: The queues that Lambda polls by itself; how often a minute each: five pollers, three long polls.
    polled_queues: int = 3
    polls_per_minute: int = 15


FOOTPRINT: Final = Footprint()


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a bill."""

    group: str
    what: str
    #: US dollars a month.
    dollars: float


@dataclass(frozen=True, slots=True)
class Bill:
    """What so many books a month cost with one kind of machine."""

    machine: Machine
    books: int
    #: How many workers it takes at most.
    workers: int
    lines: Sequence[Line]
    #: Hours of machines that are paid for, and those of them spent on reading.
    machine_hours: float
    reading_hours: float
    #: Of the books, in seconds.
    median_wait: float
    worst_wait: float

    @property
    def dollars(self) -> float:
        """The whole bill."""
        return math.fsum(line.dollars for line in self.lines)

    def of(self, group: str) -> float:
        """Return the lines of one group together."""
        return math.fsum(line.dollars for line in self.lines if line.group == group)


def machines(prices: Prices, sleeping: Rule, network: Network, gpu_speed: float) -> Sequence[Machine]:
    """Return what is compared; `gpu_speed` is what a GPU reads, in tokens per second.

    Those of SageMaker are asynchronous endpoints, scaled as their documentation sets it up: woken by an alarm, minutes
    until the machine serves, scaled in after ten minutes.
    """
    disk = prices.disk_gb_month * FOOTPRINT.disk_gb / MONTH_HOURS
    spot, on_demand = prices.spot_hour + disk, prices.on_demand_hour + disk
    fargate = FOOTPRINT.fargate_cpus * prices.fargate_cpu_hour + FOOTPRINT.fargate_gb * prices.fargate_gb_hour
    fewest, most = FOOTPRINT.endpoints, FOOTPRINT.endpoints + FOOTPRINT.agent_endpoints
    endpoint = replace(sleeping, react=120.0, boot=360.0, idle=600.0, linger=0.0)
    return (
        Machine("Spot", spot, sleeping, network, most, gpu_speed),
        Machine("On-Demand", on_demand, sleeping, network, most, gpu_speed),
        Machine("Fargate", fargate, replace(sleeping, boot=120.0, linger=0.0), network, fewest, CPU_SPEED),
        Machine("SageMaker", prices.sagemaker_hour, endpoint, Network.NONE, 0, gpu_speed),
        Machine("always on", on_demand, replace(sleeping, always=sleeping.workers), network, most, gpu_speed),
    )


def needed(per_month: int, books: Books, workers: int) -> int:
    """Return how many workers so many books need, `workers` at least."""
    busy = per_month * books.work(books.tokens) / (MONTH_HOURS * HOUR)
    return max(workers, math.ceil(busy / BUSIEST))


def bill(per_month: int, books: Books, machine: Machine, prices: Prices) -> Bill:
    """Return the bill of a month with so many books, which come each by itself at any time."""
    books = replace(books, tokens_per_second=machine.tokens_per_second)
    workers = needed(per_month, books, machine.rule.workers)
    rule = replace(machine.rule, workers=workers, always=workers if machine.rule.always else 0)
    months = SAMPLE / per_month
    run = _sample(months * MONTH_HOURS * HOUR, books, rule)
    hours = run.paid_seconds / HOUR / months
    lines = [
        *_requests(per_month, books, run.mean_wait, prices),
        _polling(run, months, prices),
        *_storage(per_month, books, prices),
        *_machine_time(machine, run, months),
        *_standing(machine, prices),
    ]
    reading = run.read_seconds / HOUR / months
    return Bill(machine, per_month, workers, lines, hours, reading, run.wait_percentile(50), run.wait_percentile(99))


@cache
def _sample(seconds: float, books: Books, rule: Rule) -> Run:
    return simulate(arrivals(times(Pattern.POISSON, SAMPLE, seconds, SEED), books, SEED), rule, until=seconds)


def _requests(per_month: int, books: Books, wait: float, prices: Prices) -> Iterator[Line]:
    work = books.work(books.tokens)
    watched, size = wait + work, books.tokens * FOOTPRINT.text_bytes
    requests = math.ceil(size / 2**19) + FOOTPRINT.news + watched / FOOTPRINT.news_seconds + 2
    beats = work / FOOTPRINT.beat_seconds
    writes = FOOTPRINT.move_writes + FOOTPRINT.percent_writes * (FOOTPRINT.news + beats)
    writes += requests * FOOTPRINT.limit_writes
    reads = requests * 2 + work  # a watched job is looked at twice a second, a running one once
    reads += 2 * watched
    logs = FOOTPRINT.book_log_bytes + requests * FOOTPRINT.request_log_bytes
    each = {
        "API requests": requests * prices.api_request,
        "Lambda, mostly answers that are held until there is news": requests * prices.lambda_request
        + (watched + 0.1 * requests) * prices.lambda_gb_second,
        "Table": writes * prices.table_write_unit + reads * prices.table_read_unit,
        "Queue": (FOOTPRINT.messages + beats) * prices.fifo_request,
        "Logs": logs / GB * prices.log_gb,
        "Traces": requests * prices.trace,
        "Callbacks": _callback(prices),
        "Results to the internet": books.tokens * FOOTPRINT.result_bytes / GB * prices.transfer_out_gb,
    }
    for what, dollars in each.items():
        yield Line("requests", what, per_month * dollars)


def _polling(run: Run, months: float, prices: Prices) -> Line:
    """Return what it costs that workers with nothing to read look for it; a machine that lingers counts as one."""
    seconds = run.idle_seconds / months
    return Line(
        "requests", "Idle workers' looks at the queue", seconds * FOOTPRINT.polls_per_second * prices.fifo_request
    )


def _callback(prices: Prices) -> float:
    """Return what it costs to tell one receiver of one end."""
    return math.fsum(
        (
            FOOTPRINT.callback_writes * prices.table_write_unit,
            FOOTPRINT.callback_reads * prices.table_read_unit,
            FOOTPRINT.callback_messages * prices.queue_request,
            FOOTPRINT.callback_seconds * 0.5 * prices.lambda_gb_second,
            FOOTPRINT.callback_invocations * (prices.lambda_request + prices.trace),
            FOOTPRINT.callback_log_bytes / GB * prices.log_gb,
        )
    )


def _storage(per_month: int, books: Books, prices: Prices) -> Iterator[Line]:
    kept = per_month * books.tokens * (FOOTPRINT.text_bytes + FOOTPRINT.result_bytes) / GB
    share = FOOTPRINT.kept_hours / MONTH_HOURS
    yield Line("storage", "Texts and results while they are kept", kept * share * prices.storage_gb_month)
    objects = FOOTPRINT.objects * (prices.storage_write + prices.storage_read)
    yield Line("storage", "Objects written and read", per_month * objects)
    records = per_month * 3_000 / GB / 30  # a record stays for a day
    yield Line("storage", "Records", records * (prices.table_gb_month + prices.table_backup_gb_month))


def _machine_time(machine: Machine, run: Run, months: float) -> Iterator[Line]:
    for what, seconds in {
        "reading": run.read_seconds,
        "booting": run.boot_seconds,
        "with nothing to read": run.idle_seconds,
    }.items():
        hours = seconds / HOUR / months
        yield Line("machines", f"{machine.name}, {what}: {hours:,.1f} h", hours * machine.hour)


def _standing(machine: Machine, prices: Prices) -> Iterator[Line]:
    """Yield what is paid whether there are books or not."""
    minutes = MONTH_HOURS * 60
    match machine.network:
        case Network.ENDPOINTS:
            yield Line("standing", "Interface endpoints", machine.endpoints * MONTH_HOURS * prices.endpoint_hour)
        case Network.NAT:
            yield Line("standing", "NAT gateway", MONTH_HOURS * prices.nat_hour)
    yield Line("standing", "Metrics", FOOTPRINT.metrics * prices.metric_month)
    yield Line("standing", "Alarms", FOOTPRINT.alarm_metrics * prices.alarm_metric_month)
    yield Line("standing", "Dashboard", prices.dashboard_month)
    yield Line("standing", "Key of the alarms' topic", prices.key_month)
    yield Line("standing", "Image", FOOTPRINT.image_gb * prices.image_gb_month)
    janitor = FOOTPRINT.janitor_seconds * 0.5 * prices.lambda_gb_second + prices.lambda_request
    janitor += FOOTPRINT.janitor_reads * prices.table_read_unit + FOOTPRINT.janitor_log_bytes / GB * prices.log_gb
    yield Line("standing", "Janitor", minutes * janitor)
    polls = FOOTPRINT.polled_queues * FOOTPRINT.polls_per_minute
    yield Line("standing", "Lambda's looks at queues", minutes * polls * prices.queue_request)
