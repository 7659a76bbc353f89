"""What the worker counts and measures, as CloudWatch metrics.

Each is a line on stdout in CloudWatch's Embedded Metric Format, which CloudWatch Logs makes metrics of by itself: the
worker calls nobody for it and needs no permission. A line carries the job's id, so a metric leads back to its jobs.
One that cannot be written is missing from the counts, and nothing else comes of it.
"""

from contextlib import suppress
from datetime import datetime

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from gpu_worker.logs import SERVICE
from gpu_worker.timeline import StageRun
from jobs.metrics import NAMESPACE
from jobs.model import Job, Status

#: How each end of a job is counted.
ENDS = {
    Status.COMPLETED: "JobsCompleted",
    Status.FAILED: "JobsFailed",
    Status.CANCELLED: "JobsCancelled",
}


def job_claimed(job: Job, now: datetime) -> None:
    """Tell how long a job waited for its first attempt, in seconds."""
    if job.attempt == 1:
        line = _line(job)
        line.add_metric("QueueWait", MetricUnit.Seconds, (now - job.submitted_at).total_seconds())
        _write(line)


def attempt_failed(job: Job) -> None:
    """Count an attempt that ended in an error, whatever becomes of its job."""
    line = _line(job)
    line.add_metric("AttemptsFailed", MetricUnit.Count, 1)
    _write(line)


def stage_done(job: Job, run: StageRun) -> None:
    """Tell how long a stage took, by its name."""
    line = _line(job)
    line.add_dimension("stage", run.stage)
    line.add_metric("StageTime", MetricUnit.Seconds, run.seconds)
    _write(line)


def job_ended(job: Job) -> None:
    """Count a job's end; of a completed one, tell its tokens and how fast they were read from the first claim on."""
    line = _line(job)
    for name in ENDS.values():  # a zero tells an alarm that there was work, and none of it ended so
        line.add_metric(name, MetricUnit.Count, int(name == ENDS.get(job.status)))
    if job.status is Status.COMPLETED and job.token_count and job.processing_time_ms:
        seconds = job.processing_time_ms / 1000
        line.add_metric("Tokens", MetricUnit.Count, job.token_count)
        line.add_metric("ReadingTime", MetricUnit.Seconds, seconds)
        line.add_metric("TokensPerSecond", MetricUnit.CountPerSecond, job.token_count / seconds)
    _write(line)


def _line(job: Job) -> EphemeralMetrics:
    line = EphemeralMetrics(namespace=NAMESPACE, service=SERVICE)
    line.add_metadata("job_id", job.job_id)
    return line


def _write(line: EphemeralMetrics) -> None:
    with suppress(OSError):  # stdout is a file on a disk that is full
        line.flush_metrics()
