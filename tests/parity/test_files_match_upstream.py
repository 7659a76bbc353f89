from pathlib import Path

import pytest

from benchmarks.comparison import compare
from gpu_worker.engine import Engine, Options, Task
from tests.parity.conftest import TEXTS, RunUpstream, files_of, ours

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.stem)
def test_every_file_is_upstreams_byte_for_byte(engine: Engine, upstream: Path, text: Path) -> None:
    expected = files_of(upstream, text)
    found = ours(engine, text, Options(compat=True))
    assert found.keys() == expected.keys() == {"tokens", "entities", "supersense", "quotes", "book", "book.html"}
    for name, content in expected.items():
        assert compare(name, found[name], content).examples == ()
        assert found[name] == content


def test_other_parameters_of_upstream_have_the_same_effect(engine: Engine, run_upstream: RunUpstream) -> None:
    text = next(path for path in TEXTS if path.stem == "first_person")
    params = {"pronominalCorefOnly": False, "referential_gender_cats": [["she", "her"], ["he", "him", "his"]]}
    options = Options(
        pronominal_coref_only=False,
        referential_gender_cats=(("she", "her"), ("he", "him", "his")),
        compat=True,
    )
    expected = files_of(run_upstream([text], params), text)
    assert ours(engine, text, options) == expected


@pytest.mark.parametrize(
    "pipeline",
    [{"entity"}, {"event"}, {"supersense", "event"}, {"entity", "quote"}],
    ids=lambda names: "+".join(sorted(names)),
)
def test_a_part_of_the_tasks_gives_the_files_of_those_tasks(engine: Engine, upstream: Path, pipeline: set[str]) -> None:
    text = next(path for path in TEXTS if path.stem == "third_person")
    whole = files_of(upstream, text)
    found = ours(engine, text, Options(tasks=frozenset(map(Task, pipeline)), compat=True))
    assert "tokens" in found
    assert found.get("supersense") == (whole["supersense"] if "supersense" in pipeline else None)
    assert ("entities" in found, "quotes" in found) == ("entity" in pipeline, "quote" in pipeline)
    assert not {"book", "book.html"} & found.keys()
