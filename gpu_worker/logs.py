"""The worker's log: one JSON object a line on stderr, each with the job, attempt, lease epoch and stage at hand."""

import sys

from aws_lambda_powertools import Logger

from jobs.model import Job

logger = Logger(service="gpu_worker", stream=sys.stderr)


def begin_job(job: Job) -> None:
    """Name the job on every line from now on."""
    logger.append_keys(**job.log_context())


def begin_stage(stage: str) -> None:
    """Name the engine's stage on every line from now on."""
    logger.append_keys(stage=stage)


def end_job() -> None:
    """Name no job any more."""
    logger.remove_keys(["job_id", "attempt", "lease_epoch", "stage"])
