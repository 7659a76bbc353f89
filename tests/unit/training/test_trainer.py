from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.unit.training import tiny
from training import cli, evaluation
from training.checkpoint import Checkpoint
from training.errors import CheckpointError
from training.evaluation import Scores
from training.recipe import Recipe
from training.trainer import Progress, Rhythm, Trainer

RECIPE = Recipe(steps=9, seed=5, warmup=2)
EVERY_STEP = Rhythm(report_steps=1, checkpoint_seconds=-1, evaluate_steps=3)


class Stopped(Exception):
    """Somebody pulled the plug."""


def trainer(folder: Path, recipe: Recipe = RECIPE) -> Trainer:
    builder = tiny.builder()
    return Trainer(builder, tiny.examples(builder, recipe), tiny.split(), recipe, Checkpoint(folder))


def ignore(*_: object) -> None:
    pass


def final(folder: Path) -> dict[str, Tensor]:
    saved = Checkpoint(folder).load(RECIPE)
    assert saved is not None
    assert saved.state.step == RECIPE.steps
    return {**saved.weights, **{f"averaged {name}": tensor for name, tensor in saved.averaged.items()}}


def test_a_run_that_was_broken_off_ends_with_the_weights_of_one_that_was_not(tmp_path: Path) -> None:
    trainer(tmp_path / "whole").run(EVERY_STEP, ignore, ignore)

    def pull_the_plug(progress: Progress) -> None:
        if progress.step == 5:
            raise Stopped

    with pytest.raises(Stopped):
        trainer(tmp_path / "broken").run(EVERY_STEP, pull_the_plug, ignore)
    second = trainer(tmp_path / "broken")
    assert second.step == 4
    second.run(EVERY_STEP, ignore, ignore)

    whole, broken = final(tmp_path / "whole"), final(tmp_path / "broken")
    assert whole.keys() == broken.keys()
    assert [name for name in whole if not torch.equal(whole[name], broken[name])] == []


def test_two_threads_give_the_same_weights_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(2)
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    cli._compute_alike()
    try:
        assert torch.are_deterministic_algorithms_enabled() == (not torch.cuda.is_available())
        trainer(tmp_path / "one").run(EVERY_STEP, ignore, ignore)
        trainer(tmp_path / "other").run(EVERY_STEP, ignore, ignore)
    finally:
        torch.use_deterministic_algorithms(False)
    one, other = final(tmp_path / "one"), final(tmp_path / "other")
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    trainer(tmp_path / "one").run(EVERY_STEP, ignore, ignore)
    other = Recipe(steps=9, seed=6, warmup=2)
    trainer(tmp_path / "other", other).run(EVERY_STEP, ignore, ignore)
    saved = Checkpoint(tmp_path / "other").load(other)
    assert saved is not None
    name = "speaker.fc.weight"
    assert not torch.equal(saved.weights[name], final(tmp_path / "one")[name])


def test_progress_and_dev_scores_are_told(tmp_path: Path) -> None:
    told: list[int] = []
    scored: dict[int, Scores] = {}
    trainer(tmp_path).run(EVERY_STEP, lambda progress: told.append(progress.step), scored.__setitem__)
    assert told == list(range(1, 10))
    assert list(scored) == [3, 6, 9]
    assert Checkpoint(tmp_path).load_best().keys() == tiny.foundation().fresh(0).keys()


def test_a_run_of_other_choices_does_not_go_on_here(tmp_path: Path) -> None:
    trainer(tmp_path).save()
    with pytest.raises(CheckpointError, match="head_rate"):
        trainer(tmp_path, Recipe(steps=9, seed=5, warmup=2, head_rate=1.0))


def test_a_damaged_checkpoint_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "last.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(CheckpointError, match="remove it"):
        trainer(tmp_path)


def test_a_checkpoint_of_whatever_other_bytes_says_what_to_do(tmp_path: Path) -> None:
    for content in (b"error: busy, come again", b"hello", b""):
        (tmp_path / "last.pt").write_bytes(content)
        with pytest.raises(CheckpointError, match="remove it"):
            Checkpoint(tmp_path).story()
    torch.save({"other": 1}, tmp_path / "last.pt")
    with pytest.raises(CheckpointError, match="remove it"):
        Checkpoint(tmp_path).load(RECIPE)


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = trainer(tmp_path)

    def full_disk(_: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("enforce fail")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(CheckpointError, match="make room"):
        stopped.save()
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]
    assert Checkpoint(tmp_path).load(RECIPE) is not None


def test_a_folder_that_cannot_be_written_is_told_before_the_training(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="cannot be written"):
        trainer(tmp_path / "file")


def test_a_folder_without_a_run_says_to_train_first_and_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="train first"):
        Checkpoint(tmp_path / "none").story()
    assert not (tmp_path / "none").exists()


def test_damaged_best_weights_are_told(tmp_path: Path) -> None:
    (tmp_path / "best.safetensors").write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match="is damaged"):
        Checkpoint(tmp_path).load_best()


def test_the_averaged_weights_with_the_best_scores_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    merits = iter([1.0, 3.0, 2.0])
    monkeypatch.setattr(evaluation, "evaluate", lambda *_: {})
    monkeypatch.setattr(evaluation, "headline", lambda _: {"all": next(merits)})

    asked: list[Tensor] = []
    name = "speaker.fc.weight"
    training = trainer(tmp_path)
    monkeypatch.setattr(training._builder, "pack", lambda weights: asked.append(weights[name].detach().clone()))
    training.run(EVERY_STEP, ignore, ignore)
    assert Checkpoint(tmp_path).story()[1].best_step == 6
    assert torch.equal(Checkpoint(tmp_path).load_best()[name], asked[1])
    assert torch.equal(final(tmp_path)[f"averaged {name}"], asked[2])
    assert not torch.equal(final(tmp_path)[name], asked[2])


def test_weights_are_kept_only_once_there_are_scores(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="first scores"):
        Checkpoint(tmp_path).load_best()


def test_rates_rise_then_fall_and_never_reach_nothing() -> None:
    recipe = Recipe(steps=100, warmup=10)
    assert recipe.rate(5) == pytest.approx(0.475)
    assert recipe.rate(20) == 0.8
    assert recipe.rate(100) == 0.02
