"""How results are written."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_worker.protocol import Analyze
from gpu_worker.results import BATCH, write_results
from gpu_worker.scratch import Scratch
from jobs.model import Options

STARTED_AT = datetime(2026, 1, 20, 10, 0, tzinfo=UTC)
COMPLETED_AT = STARTED_AT + timedelta(seconds=145)


def analysis(tokens: object, files: dict[str, str] | None = None) -> SimpleNamespace:
    return SimpleNamespace(token_count=1, sections=lambda: {"tokens": tokens, "events": []}, files=lambda: files or {})


def order(folder: Path) -> Analyze:
    Scratch(folder).lay_out()
    return Analyze(folder, "job-1", ("entity",), Options(), STARTED_AT, STARTED_AT)


@pytest.mark.parametrize("count", [0, 1, BATCH, BATCH + 1])
def test_items_of_any_number_come_back_as_they_were(count: int, tmp_path: Path) -> None:
    items: Iterator[dict[str, object]] = ({"word": f"“{number}”\n", "head": number} for number in range(count))
    write_results(order(tmp_path), analysis(items), lambda: COMPLETED_AT)
    body = json.loads(gzip.decompress(Scratch(tmp_path).result.read_bytes()))
    assert body["result"]["tokens"] == [{"word": f"“{number}”\n", "head": number} for number in range(count)]
    assert body["processing_time_ms"] == 145_000
    assert body["completed_at"] == "2026-01-20T10:02:25.000Z"


@given(content=st.text(st.characters(exclude_categories=["Cs"])))
def test_a_file_keeps_every_character_its_line_ends_included(
    content: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("attempt")
    write_results(order(folder), analysis([], {"tokens": content}), lambda: COMPLETED_AT)
    [(name, path)] = Scratch(folder).files()
    assert (name, gzip.decompress(path.read_bytes()).decode()) == ("tokens", content)
