"""Many callers at once, for some seconds; `python -m benchmarks.load` is the same with more of them and for longer."""

import asyncio

import pytest

from benchmarks.load.callers import MIX, Caller
from benchmarks.load.record import Record
from benchmarks.load.run import Load
from tests.e2e.conftest import TEXT, Installation

pytestmark = pytest.mark.timeout(300)  # a whole start, on a machine that may be busy

#: An upload that meets a full queue comes again after minutes, for which nobody waits here.
QUICK = {call: weight for call, weight in MIX.items() if call is not Caller.upload}


def test_callers_at_once_are_answered_as_promised_and_lose_no_job(service: Installation) -> None:
    seen: list[Record] = []
    load = Load(service.url, callers=12, seconds=3, seed=1, texts=[TEXT], mix=QUICK)
    record, recount = asyncio.run(load.run(report=seen.append))
    assert not record.faults
    assert seen == [record]
    assert len(record.jobs) <= recount.total()
    assert {200, 400, 404} <= set(record.statuses)
