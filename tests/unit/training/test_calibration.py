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
