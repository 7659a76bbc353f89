"""An attempt as a segment of its job's X-Ray trace, so that the trace leads from the request to the result.

The function that took the job in noted the trace in the job's record. A segment is one JSON document, sent with one
call when the attempt is over; it shows the time between the request and the claim, and each stage of the engine.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gpu_worker.logs import SERVICE, logger
from gpu_worker.timeline import Timeline
from jobs.errors import AWS_ERRORS
from jobs.model import Job
from jobs.tracing import TraceHeader

if TYPE_CHECKING:
    from mypy_boto3_xray import XRayClient


@dataclass(frozen=True)
class Tracer:
    """Sends segments. A trace is a help and no duty: one that does not arrive is only logged."""

    client: "XRayClient"

    def send(self, job: Job, timeline: Timeline, ended_at: datetime) -> None:
        """Send the attempt, if the trace of the job's request is recorded."""
        header = TraceHeader.parse(job.trace)
        if header is None or not header.sampled:
            return
        document = json.dumps(segment(header, job, timeline, ended_at))
        try:
            refused = self.client.put_trace_segments(TraceSegmentDocuments=[document])["UnprocessedTraceSegments"]
        except AWS_ERRORS:
            logger.warning("the attempt's trace was not sent", exc_info=True)
        else:
            if refused:
                logger.warning("X-Ray refused the attempt's trace", refused=refused)


def segment(header: TraceHeader, job: Job, timeline: Timeline, ended_at: datetime) -> Mapping[str, Any]:
    """Return the attempt as a segment document of X-Ray, its stages as subsegments."""
    parent = {"parent_id": header.parent} if header.parent else {}
    return parent | {
        "trace_id": header.root,
        "id": _new_id(),
        "name": SERVICE,
        "start_time": timeline.began_at.timestamp(),
        "end_time": ended_at.timestamp(),
        "fault": timeline.failed,
        "annotations": {"job_id": job.job_id, "attempt": job.attempt},
        "subsegments": [
            {
                "id": _new_id(),
                "name": run.stage,
                "start_time": run.began_at.timestamp(),
                "end_time": run.ended_at.timestamp(),
            }
            for run in timeline.runs
        ],
    }


def _new_id() -> str:
    return secrets.token_hex(8)
