"""The worker's log: one JSON object a line on stderr, each with the job, attempt, lease epoch and stage at hand.

What the engine logs in its own process is a line of it too, for the logger's name is the package's; it names the job.
"""

import sys
from typing import Final

from aws_lambda_powertools import Logger

from jobs.model import Job
from jobs.tracing import TraceHeader

#: What the worker calls itself in its log, its metrics and its traces.
SERVICE: Final = "gpu_worker"

logger = Logger(service=SERVICE, stream=sys.stderr)


def begin_job(job: Job) -> None:
    """Name the job on every line from now on, and the trace of its request, as the functions' lines do."""
    trace = TraceHeader.parse(job.trace)
    logger.append_keys(**job.log_context(), xray_trace_id=trace.root if trace else None)


def begin_stage(stage: str) -> None:
    """Name the engine's stage on every line from now on."""
    logger.append_keys(stage=stage)


def end_job() -> None:
    """Name no job any more."""
    logger.remove_keys(["job_id", "attempt", "lease_epoch", "stage", "xray_trace_id"])
