from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gpu_worker.engine.upstream_layout import write_pack
from tests.unit.training import tiny
from training import calibration
from training.networks import pack_weights


@pytest.mark.parametrize(("bias", "moved"), [(-1.0, 1.25), (0.0, 0.25), (1.0, 0.0)])
def test_the_bias_moves_no_further_than_until_events_are_found(tmp_path: Path, bias: float, moved: float) -> None:
    """A classifier that looks at nothing but its bias finds every token an event, or none."""
    foundation = tiny.foundation()
    weights = {
        **pack_weights(foundation, foundation.fresh(1)),
        "entities.flat_classifier.weight": torch.zeros(2, 400),
        "entities.flat_classifier.bias": torch.tensor([0.0, bias]),
    }
    write_pack(tmp_path / "pack", foundation.manifest(), weights, tiny.write_vocabulary(tmp_path / "vocab.txt"))
    assert calibration.event_shift(tmp_path / "pack", [tiny.novel()]) == moved


def test_moving_the_bias_leaves_the_given_weights_alone() -> None:
    weights = tiny.foundation().fresh(1)
    bias = weights["entities.flat_classifier.bias"].clone()
    moved = calibration.shifted(weights, 0.5)["entities.flat_classifier.bias"]
    assert (moved - bias).tolist() == [0.0, 0.5]
    assert torch.equal(weights["entities.flat_classifier.bias"], bias)


@pytest.mark.parametrize(("sure", "degrees"), [(0.55, 0.5), (1.1, 1.0), (2.2, 2.0), (8.8, 4.0)])
def test_who_is_right_three_times_in_four_should_be_that_sure(sure: float, degrees: float) -> None:
    """The odds of 3 to 1 are a score of 1.1; a network with another one is cooled, or warmed, as far as is tried."""
    scores = torch.tensor([[sure, 0.0, -torch.inf]] * 4)
    right = torch.tensor([[True, False, False]] * 3 + [[False, True, False]])
    assert calibration.likeliest(scores, right) == degrees


def test_cooling_changes_no_best_candidate() -> None:
    foundation = tiny.foundation()
    weights = pack_weights(foundation, foundation.fresh(1))
    cooled = calibration.cooled(weights, 2.0)
    changed = [name for name in weights if not torch.equal(weights[name], cooled[name])]
    assert changed == ["speaker.fc2.weight"], "the score's bias is zero at first"
    states = torch.randn(7, weights["speaker.fc2.weight"].shape[1], generator=torch.Generator().manual_seed(1))
    scores, gentler = (states @ each["speaker.fc2.weight"].T for each in (weights, cooled))
    assert torch.equal(scores.argsort(0), gentler.argsort(0))


def test_without_quotes_nothing_is_cooled(tmp_path: Path) -> None:
    foundation = tiny.foundation()
    weights = pack_weights(foundation, foundation.fresh(1))
    write_pack(tmp_path / "pack", foundation.manifest(), weights, tiny.write_vocabulary(tmp_path / "vocab.txt"))
    assert calibration.temperature(tmp_path / "pack", [replace(tiny.novel(), quotes=[], speakers=[])]) == 1
