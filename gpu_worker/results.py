"""How a finished analysis is written: gzipped, and streamed so that a long book's result never stands in memory."""

import gzip
import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import IO

from gpu_worker.engine_port import Analysis
from gpu_worker.protocol import Analyze
from gpu_worker.scratch import Scratch
from jobs.clock import Clock, isoformat
from jobs.model import Outcome

#: How many items of a section are turned into JSON at once.
BATCH = 1000

#: Of 1 to 9. On a section of tokens, level 6 takes 1.8 times as long as this for 2 % fewer bytes.
GZIP_LEVEL = 5


def write_results(order: Analyze, analysis: Analysis, clock: Clock) -> Outcome:
    """Write BookNLP's own files and the result's body into the attempt's folder; return what the body's end tells.

    The time of completion is taken last, so that the time of writing counts as processing.
    """
    scratch = Scratch(order.folder)
    for name, content in analysis.files().items():
        with _gzipped(scratch.file(name)) as out:
            out.write(content)
    with _gzipped(scratch.result) as out:
        return _write_body(out, order, analysis, clock)


def _write_body(out: IO[str], order: Analyze, analysis: Analysis, clock: Clock) -> Outcome:
    """Write what `GET /v1/jobs/{job_id}/result` answers."""
    out.write(f'{_json({"job_id": order.job_id, "status": "completed"})[:-1]},"result":')
    _write_sections(out, analysis.sections())
    completed_at = clock()
    milliseconds = (completed_at - order.started_at) // timedelta(milliseconds=1)
    outcome = Outcome(analysis.token_count, completed_at, milliseconds)
    tail = {
        "submitted_at": isoformat(order.submitted_at),
        "started_at": isoformat(order.started_at),
        "completed_at": isoformat(outcome.completed_at),
        "processing_time_ms": outcome.processing_time_ms,
        "token_count": outcome.token_count,
    }
    out.write(f",{_json(tail)[1:]}")
    return outcome


def _write_sections(out: IO[str], sections: Mapping[str, Iterable[object]]) -> None:
    opening = "{"
    for name, items in sections.items():
        out.write(f"{opening}{_json(name)}:[")
        _write_items(out, items)
        out.write("]")
        opening = ","
    out.write("}")


def _write_items(out: IO[str], items: Iterable[object]) -> None:
    rest = iter(items)
    comma = ""
    while batch := list(islice(rest, BATCH)):
        out.write(comma + _json(batch)[1:-1])
        comma = ","


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _gzipped(path: Path) -> TextIOWrapper:
    """Open a gzip file for UTF-8 text, its line ends written as they are."""
    return gzip.open(path, "wt", compresslevel=GZIP_LEVEL, encoding="utf-8", newline="")
