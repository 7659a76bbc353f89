"""How sure an event must be: the threshold that gives the best F1, folded into the weights.

A classifier that learns likelihoods finds too few of what is rare: F1 is best at a threshold below one half (Lipton,
Elkan and Narayanaswamy, ECML PKDD 2014). Moving the bias of the event's score is the same as moving the threshold,
and asks nothing of the engine or of upstream, which both compare two scores.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from gpu_worker.engine import tagging
from gpu_worker.engine.document import Task
from gpu_worker.engine.layout import Model
from gpu_worker.engine.linear import Linear
from gpu_worker.engine.pack import Pack, load_pack, read_weights
from training import scoring
from training.litbank import Novel
from training.scoring import Counts

_CLASSIFIER = f"{Model.TAGGER}.flat_classifier"
#: Index of the score for an event; the other one is for none.
_EVENT = 1

#: The shifts that are tried.
SHIFTS = tuple(step / 4 for step in range(-4, 9))


def event_shift(folder: Path, novels: Sequence[Novel]) -> float:
    """Return by how much to move the event's bias of the pack in `folder` for the best F1 on `novels`.

    Of several shifts that give it, the least. Raises `PackError` where the folder holds no pack.
    """
    pack = load_pack(folder, "cpu")
    weights = read_weights(folder, pack.manifest)

    def f1(shift: float) -> float:
        moved = shifted(weights, shift)
        pack.tagger.event_scores = Linear(moved[f"{_CLASSIFIER}.weight"], moved[f"{_CLASSIFIER}.bias"])
        return _counts(pack, novels).f1

    found = {shift: f1(shift) for shift in SHIFTS}
    return max(SHIFTS, key=lambda shift: (found[shift], -abs(shift)))


def shifted(weights: Mapping[str, Tensor], shift: float) -> dict[str, Tensor]:
    """Return a pack's tensors with the bias of the event's score moved by `shift`."""
    bias = weights[f"{_CLASSIFIER}.bias"].clone()
    bias[_EVENT] += shift
    return {**weights, f"{_CLASSIFIER}.bias": bias}


def _counts(pack: Pack, novels: Sequence[Novel]) -> Counts:
    total = Counts()
    for novel in novels:
        found = tagging.tag(novel.tokens, pack, tasks=frozenset({Task.EVENT}), compat=False, advance=lambda _: None)
        total += scoring.matches(novel.events, found.events)
    return total
