"""Once a minute: see to it that nothing a fault left half done stays so."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.connection import jobs
from jobs.metrics import NAMESPACE
from jobs.situation import situation
from jobs.upkeep import keep_up

logger = Logger()
metrics = Metrics(namespace=NAMESPACE)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(_event: dict[str, Any], _context: LambdaContext) -> None:
    """Do every duty of the janitor, count what there was to do, and tell how the deployment stands then.

    Raises what failed, after all else is done, so that Lambda counts an error.
    """
    done, failures = keep_up(jobs())
    _count({**done, "DutiesFailed": len(failures)})
    logger.info("Looked after the jobs", done=done)
    _count(situation(jobs()))
    if failures:
        raise ExceptionGroup("Some of the janitor's duties failed", failures)


def _count(counts: Mapping[str, int]) -> None:
    for name, count in counts.items():
        metrics.add_metric(name, MetricUnit.Count, count)
