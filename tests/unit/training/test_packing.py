import json
from pathlib import Path

import pytest
import torch

from gpu_worker.engine import upstream_layout
from gpu_worker.engine.layout import Model
from gpu_worker.engine.pack import Pack, load_pack
from tests.unit.training import tiny
from training import calibration, evaluation, packing
from training.checkpoint import State
from training.errors import CheckpointError
from training.evaluation import Scores, Split
from training.networks import pack_weights
from training.recipe import Recipe


def test_a_pack_loads_with_one_encoder_its_scores_and_its_story(tmp_path: Path) -> None:
    foundation = tiny.foundation()
    recipe, state = Recipe(seed=5), State(step=9, best_step=6)
    vocabulary = tiny.write_vocabulary(tmp_path / "vocab.txt")
    folder, split = tmp_path / "pack", tiny.split()
    scores = packing.write(folder, foundation, foundation.fresh(1), vocabulary, split, split, recipe, state)
    pack = load_pack(folder, "cpu")
    assert set(pack.manifest.models.values()) == {"shared"}
    assert pack.manifest.scores == scores
    told = json.loads((folder / packing.STORY).read_text(encoding="utf-8"))
    assert (told["recipe"]["seed"], told["kept"]) == (5, {"step": 6, "of": 9})
    assert calibration.event_shift(folder, split.novels) == 0
    assert told["dev"] == scores
    files = upstream_layout.export(pack, tmp_path / "upstream")
    assert set(files) == set(Model)


def write(folder: Path, dev: Split, test: Split) -> Scores:
    foundation = tiny.foundation()
    vocabulary = tiny.write_vocabulary(folder.with_name("vocab.txt"))
    return packing.write(folder, foundation, foundation.fresh(1), vocabulary, dev, test, Recipe(), State())


def test_events_are_calibrated_on_dev_and_each_split_has_its_own_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dev, test, calibrated = tiny.split(), tiny.split(), []

    def event_shift(_: Path, novels: object) -> float:
        calibrated.append(novels)
        return 0.0

    def evaluate(_: Pack, split: Split) -> Scores:
        return {"events": {"f1": 1.0 if split is dev else 2.0}}

    monkeypatch.setattr(calibration, "event_shift", event_shift)
    monkeypatch.setattr(evaluation, "evaluate", evaluate)
    assert write(tmp_path / "pack", dev, test) == {"events": {"f1": 2.0}}
    assert calibrated == [dev.novels]
    assert calibrated[0] is dev.novels
    assert load_pack(tmp_path / "pack", "cpu").manifest.scores == {"events": {"f1": 2.0}}
    assert json.loads((tmp_path / "pack" / packing.STORY).read_text(encoding="utf-8"))["dev"] == {"events": {"f1": 1.0}}


def test_a_pack_that_was_broken_off_leaves_the_one_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, split = tmp_path / "pack", tiny.split()
    write(folder, split, split)
    (folder / "own.txt").write_text("not the pack's", encoding="utf-8")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def pull_the_plug(*_: object) -> Scores:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(evaluation, "evaluate", pull_the_plug)
        with pytest.raises(KeyboardInterrupt):
            write(folder, split, split)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    write(folder, split, split)
    assert (folder / "own.txt").exists()
    assert list(tmp_path.glob(".*")) == []


def test_a_pack_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    split = tiny.split()
    (tmp_path / "pack").touch()
    with pytest.raises(CheckpointError, match=r"pack cannot be written \(.*then run the same command again"):
        write(tmp_path / "pack", split, split)


def test_rounding_stays_within_half_a_step_of_each_row() -> None:
    generator = torch.Generator().manual_seed(0)
    weights = {"a.weight": torch.randn(100, 100, generator=generator) * torch.logspace(-3, 1, 100)[:, None]}
    stored = packing.quantised(weights)
    scale = stored["a.weight.scale"].float()
    rounded = stored["a.weight"].float() * scale[:, None]
    assert stored["a.weight"].dtype == torch.int8
    assert bool(((rounded - weights["a.weight"]).abs() <= 0.51 * scale[:, None]).all())


def test_transitions_stay_exact_and_small_tensors_become_f16() -> None:
    stored = packing.quantised({"crf.transitions": torch.rand(100, 100), "fc.bias": torch.rand(10)})
    assert {name: tensor.dtype for name, tensor in stored.items()} == {
        "crf.transitions": torch.float32,
        "fc.bias": torch.float16,
    }


def test_added_tokens_have_one_embedding_in_all_models() -> None:
    foundation = tiny.foundation()
    weights = pack_weights(foundation, foundation.fresh(1))
    capitalised = weights[f"{Model.TAGGER}.added_embeddings"][0]
    assert torch.equal(capitalised, weights[f"{Model.SPEAKER}.added_embeddings"][3])
    assert torch.equal(capitalised, weights[f"{Model.COREF}.added_embeddings"][0])
