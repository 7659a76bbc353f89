"""How costs and waits look on a terminal, and as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from bookjob.wording import duration
from infra.costs.arrivals import HOUR
from infra.costs.model import Bill
from infra.costs.simulation import Run

#: The waits that are shown: those that so many percent of the books did not exceed.
PERCENTILES = (50, 90, 99, 100)

#: The most workers that one deployment may have: the template's limit of WorkerConcurrency.
MOST_WORKERS = 20


def comparison_table(bills: Sequence[Sequence[Bill]]) -> Table:
    """Return US dollars a month: a line for each number of books, a column for each kind of machine."""
    table = _table()
    table.add_column("Books a month", justify="right")
    for bill in bills[0]:
        table.add_column(bill.machine.name, justify="right")
    for row in bills:
        table.add_row(f"{row[0].books:,}", *(_dollars(bill) for bill in row))
    return table


def _dollars(bill: Bill) -> str:
    dollars = f"${bill.dollars:,.0f}"
    return f"{dollars} ({bill.workers}×)" if bill.workers > 1 else dollars


def bill_table(bill: Bill) -> Table:
    """Return one bill, line by line."""
    table = _table()
    table.add_column("For")
    table.add_column("What")
    table.add_column("US dollars a month", justify="right")
    for line in bill.lines:
        table.add_row(line.group, line.what, f"{line.dollars:,.2f}")
    table.add_section()
    table.add_row("all", f"{bill.books:,} books, {bill.dollars / bill.books:,.4f} each", f"{bill.dollars:,.2f}")
    return table


def bill_as_json(bill: Bill) -> Mapping[str, Any]:
    """Return a bill for machines."""
    return {
        "machine": bill.machine.name,
        "books_per_month": bill.books,
        "workers": bill.workers,
        "dollars_per_month": round(bill.dollars, 2),
        "machine_hours": round(bill.machine_hours, 1),
        "reading_hours": round(bill.reading_hours, 1),
        "median_wait_seconds": round(bill.median_wait, 1),
        "wait_seconds_of_99_percent": round(bill.worst_wait, 1),
        "lines": [{"for": line.group, "what": line.what, "dollars": round(line.dollars, 4)} for line in bill.lines],
    }


def runs_table(runs: Mapping[int, Run], dollars_per_hour: float) -> Table:
    """Return how long books waited and what the machines cost: a line for each number of workers."""
    table = _table()
    for heading in ("Workers", *(_heading(percent) for percent in PERCENTILES), "waited at most"):
        table.add_column(heading, justify="right")
    for heading in ("hours paid", "reading", "booting", "idle", "US dollars"):
        table.add_column(heading, justify="right")
    for workers, run in runs.items():
        waits = (_wait(run.wait_percentile(percent)) for percent in PERCENTILES)
        hours = (run.paid_seconds, run.read_seconds, run.boot_seconds, run.idle_seconds)
        table.add_row(
            str(workers),
            *waits,
            f"{run.longest_queue:,} books",
            *(f"{seconds / HOUR:,.1f}" for seconds in hours),
            f"{run.paid_seconds / HOUR * dollars_per_hour:,.2f}",
        )
    return table


def _wait(seconds: float) -> str:
    return duration(seconds) if seconds >= 1 else "none"


def _heading(percent: int) -> str:
    return "longest" if percent == 100 else f"{percent} % wait"


def run_as_json(workers: int, run: Run, dollars_per_hour: float) -> Mapping[str, Any]:
    """Return a run for machines."""
    return {
        "workers": workers,
        "books": len(run.readings),
        "mean_wait_seconds": round(run.mean_wait, 1),
        "wait_seconds": {f"p{percent}": round(run.wait_percentile(percent), 1) for percent in PERCENTILES},
        "most_waiting": run.longest_queue,
        "hours_paid": round(run.paid_seconds / HOUR, 2),
        "hours_reading": round(run.read_seconds / HOUR, 2),
        "hours_booting": round(run.boot_seconds / HOUR, 2),
        "hours_idle": round(run.idle_seconds / HOUR, 2),
        "dollars": round(run.paid_seconds / HOUR * dollars_per_hour, 2),
    }


def _table() -> Table:
    return Table(box=None, header_style="bold cyan", pad_edge=False, padding=(0, 2, 0, 0))
