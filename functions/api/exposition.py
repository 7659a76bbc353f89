"""The numbers of the deployment in Prometheus' text exposition format, version 0.0.4."""

from collections.abc import Mapping
from dataclasses import dataclass

from functions.api import VERSION
from jobs.model import Stats

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Gauge:
    """A number that goes up and down, or several told apart by one label."""

    name: str
    help: str
    #: The value of each series, by its labels as they are written.
    series: Mapping[str, int]

    def lines(self) -> str:
        """Return the gauge as Prometheus reads it."""
        samples = "".join(f"{self.name}{labels} {value}\n" for labels, value in self.series.items())
        return f"# HELP {self.name} {self.help}\n# TYPE {self.name} gauge\n{samples}"


def exposition(stats: Stats, queue_size: int, max_queue_size: int) -> str:
    """Return the text that a Prometheus server scrapes."""
    states = ("pending", "running", "completed", "failed", "cancelled")
    gauges = (
        Gauge(
            "bookjob_jobs",
            "Jobs that have not expired, by status.",
            {f'{{status="{state}"}}': getattr(stats, state) for state in states},
        ),
        Gauge("bookjob_queue_size", "Jobs that wait.", {"": queue_size}),
        Gauge("bookjob_queue_capacity", "Jobs that may wait at once.", {"": max_queue_size}),
        Gauge(
            "bookjob_worker_up",
            "Whether a worker was heard of within its lease time.",
            {"": int(stats.worker_running)},
        ),
        Gauge("bookjob_info", "The version that runs.", {f'{{version="{VERSION}"}}': 1}),
    )
    return "".join(gauge.lines() for gauge in gauges)
