"""One load run: the callers, and the audit after them."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

import httpx

from benchmarks.load.audit import audit
from benchmarks.load.callers import MIX, Caller, Mix
from benchmarks.load.record import Record

#: How long an answer may take, in seconds: it waits for a place behind all other callers and then to be worked out.
PATIENCE = 60.0

#: How long the jobs may take to end after the callers have gone, in seconds: an upload that met a fault comes again
#: three minutes later.
PATIENCE_WITH_JOBS = 400.0


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of a service."""

    url: str
    callers: int
    #: How long the callers call.
    seconds: float
    seed: int
    #: What they submit.
    texts: Sequence[str]
    mix: Mix = field(default_factory=lambda: MIX)

    async def run(self, report: Callable[[Record], None]) -> tuple[Record, Counter[str]]:
        """Return what the callers saw, with whatever was not as promised, and a recount of all jobs by status.

        `report` is told what they saw once they have gone, before their jobs are waited for.
        """
        record, run = Record(), uuid.uuid4().hex[:8]
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=self.url, timeout=PATIENCE, limits=limits, trust_env=False) as client:
            deadline = time.monotonic() + self.seconds
            callers = (
                Caller(f"{run}-{number}", client, record, self.texts, Random(f"{self.seed}-{number}"), self.mix)
                for number in range(self.callers)
            )
            await asyncio.gather(*(caller.call_until(deadline) for caller in callers))
            report(record)
            return record, await audit(client, record, PATIENCE_WITH_JOBS)
