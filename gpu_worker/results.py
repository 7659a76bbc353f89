"""How a finished analysis is written: gzipped, and streamed so that a long book's result never stands in memory."""

import gzip
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import IO

from gpu_worker.engine_port import Analysis
from gpu_worker.protocol import Analyze
from gpu_worker.scratch import Scratch
from jobs.clock import isoformat

#: How many items of a section are turned into JSON at once.
BATCH = 1000

#: Level 6 of 9: level 9 takes thrice the time for two per cent fewer bytes.
GZIP_LEVEL = 6


def processing_time_ms(started_at: datetime, completed_at: datetime) -> int:
    """Return the milliseconds from a job's first claim to its end."""
    return round((completed_at - started_at).total_seconds() * 1000)


def write_results(order: Analyze, analysis: Analysis, completed_at: datetime) -> None:
    """Write the result's body and BookNLP's own files into the attempt's folder."""
    scratch = Scratch(order.folder)
    with _gzipped(scratch.result) as out:
        _write_body(out, order, analysis, completed_at)
    for name, content in analysis.files().items():
        with _gzipped(scratch.file(name)) as out:
            out.write(content)


def _write_body(out: IO[str], order: Analyze, analysis: Analysis, completed_at: datetime) -> None:
    """Write what `GET /v1/jobs/{job_id}/result` answers."""
    head = {"job_id": order.job_id, "status": "completed"}
    tail = {
        "submitted_at": isoformat(order.submitted_at),
        "started_at": isoformat(order.started_at),
        "completed_at": isoformat(completed_at),
        "processing_time_ms": processing_time_ms(order.started_at, completed_at),
        "token_count": analysis.token_count,
    }
    out.write(f'{_json(head)[:-1]},"result":')
    _write_sections(out, analysis.sections())
    out.write(f",{_json(tail)[1:]}")


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
