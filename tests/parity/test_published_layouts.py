"""Upstream's published packs, by stand-ins: random weights in the exact layout of its files, run by both engines.

`small` stands in at its true sizes. So does `big` but for the width of its encoders, which its files' names tell too;
its layers and heads are the true ones.
"""

import re
from pathlib import Path

import pytest

from gpu_worker.engine import Engine, Options
from gpu_worker.engine.layout import Model
from gpu_worker.engine.upstream_layout import sizes_of
from gpu_worker.packs.published import PUBLISHED, Published
from gpu_worker.packs.pull import pull
from gpu_worker.packs.store import PackStore
from tests.parity.conftest import TEXTS, RunUpstream, files_of, ours
from tests.standins import lay_out

pytestmark = pytest.mark.timeout(300)

SMALL, BIG = PUBLISHED["small"], PUBLISHED["big"]
NARROW_BIG = Published("big", {model: re.sub("H-768", "H-96", name) for model, name in BIG.files.items()}, BIG.scores)


@pytest.mark.parametrize("published", [SMALL, NARROW_BIG], ids=lambda published: published.name)
def test_a_published_pack_gives_upstreams_files_byte_for_byte(
    published: Published, run_upstream: RunUpstream, tmp_path: Path
) -> None:
    text = next(path for path in TEXTS if path.stem == "third_person")
    files = lay_out(published, tmp_path / "upstream")
    pulled = pull(published, PackStore(tmp_path / "packs"), lambda *_: None, source=files)
    engine = Engine.load(pulled.folder, device="cpu")
    assert {model: engine.pack.manifest.encoder_of(model).shape for model in Model} == {
        model: sizes_of(name) for model, name in published.files.items()
    }
    expected = files_of(run_upstream([text], {}, files), text)
    assert expected["entities"].count("\n") > 10
    assert ours(engine, text, Options(compat=True)) == expected
