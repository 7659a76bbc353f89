"""How one job and the whole service look on a terminal."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from rich.table import Table
from rich.text import Text

from bookjob.models import Callback, Job, JobState, Stats
from bookjob.wording import describe, duration, span

_STATE_STYLES: Final = {
    JobState.RUNNING: "cyan",
    JobState.COMPLETED: "green",
    JobState.FAILED: "red",
    JobState.CANCELLED: "yellow",
    JobState.EXPIRED: "dim",
}


def job_table(job: Job) -> Table:
    """Return what a person wants to know of a job, a line each; what is not known (yet) is left out."""
    lines = {
        "Job": job.job_id,
        "Book": job.book_id,
        "State": job.status.value,
        "Now": None if job.status.ended else describe(job),
        "Progress": f"{job.progress:.0f} %" if job.started_at else None,
        "Time left": f"about {duration(job.eta_seconds)}" if job.eta_seconds and not job.status.ended else None,
        "Reason": job.error_message,
        "Model pack": job.pack,
        "Tokens": f"{job.token_count:,}" if job.token_count is not None else None,
        "Attempt": str(job.attempt) if job.attempt and job.attempt > 1 else None,
        "Handed in": _time(job.submitted_at),
        "Started": _time(job.started_at),
        "Ended": _time(job.completed_at),
        "Kept until": _time(job.expires_at),
        "Callback": _callback(job.callback) if job.callback else None,
        "Note": "\n".join(job.warnings) or None,
    }
    return two_columns({name: value for name, value in lines.items() if value})


def jobs_table(jobs: Sequence[Job], now: datetime) -> Table:
    """Return the jobs, a line each, with how long ago each was handed in; an id is whole on any terminal."""
    table = Table(box=None, header_style="bold cyan", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("Job", no_wrap=True)
    table.add_column(_giving_way("State"))
    table.add_column(_giving_way("Progress"), justify="right")
    table.add_column(_giving_way("Handed in"))
    table.add_column(_giving_way("Book"))
    for job in jobs:
        table.add_row(
            job.job_id,
            _giving_way(job.status.value, style=_STATE_STYLES.get(job.status, "")),
            _giving_way(f"{job.progress:.0f} %" if job.started_at else "–"),
            _giving_way(f"{span((now - job.submitted_at).total_seconds())} ago"),
            _giving_way(job.book_id or ""),
        )
    return table


def stats_table(stats: Stats) -> Table:
    """Return how busy the service is and what it allows, a line each."""
    worker = "running" if stats.worker_running else "none was heard of lately; jobs wait until one starts"
    return two_columns(
        {
            "Worker": worker,
            "Waiting": f"{stats.queue_size} of {stats.max_queue_size} places taken",
            "Running": str(stats.running),
            "Completed": str(stats.completed),
            "Failed": str(stats.failed),
            "Cancelled": str(stats.cancelled),
            "Jobs in all": str(stats.total_jobs),
            "Longest text": f"{stats.max_document_size:,} characters",
            "Results kept": duration(stats.job_ttl_seconds),
        }
    )


def two_columns(lines: dict[str, str]) -> Table:
    """Return lines of a name and what there is to say of it."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in lines.items():
        table.add_row(name, Text(value))
    return table


def _giving_way(words: str, style: str = "") -> Text:
    """Return words that are cut where the terminal is narrow."""
    return Text(words, style=style, no_wrap=True, overflow="ellipsis")


def _callback(callback: Callback) -> str:
    tried = f", tried {callback.attempts} times" if callback.attempts > 1 else ""
    reason = f": {callback.last_error}" if callback.last_error else ""
    return f"{callback.url} ({callback.status}{tried}{reason})"


def _time(moment: datetime | None) -> str | None:
    """Return a moment in the reader's own time zone, to the second."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else None
