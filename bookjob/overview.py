"""How one job and the whole service look on a terminal."""

from datetime import datetime

from rich.table import Table

from bookjob.models import Job, Stats
from bookjob.wording import describe, duration


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
        "Note": "\n".join(job.warnings) or None,
    }
    return _two_columns({name: value for name, value in lines.items() if value})


def stats_table(stats: Stats) -> Table:
    """Return how busy the service is and what it allows, a line each."""
    worker = "running" if stats.worker_running else "none was heard of lately; jobs wait until one starts"
    return _two_columns(
        {
            "Worker": worker,
            "Waiting": f"{stats.queue_size} of {stats.max_queue_size} places taken",
            "Running": str(stats.running),
            "Completed": str(stats.completed),
            "Failed": str(stats.failed),
            "Jobs in all": str(stats.total_jobs),
            "Longest text": f"{stats.max_document_size:,} characters",
            "Results kept": duration(stats.job_ttl_seconds),
        }
    )


def _two_columns(lines: dict[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in lines.items():
        table.add_row(name, value)
    return table


def _time(moment: datetime | None) -> str | None:
    """Return a moment in the reader's own time zone, to the second."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else None
