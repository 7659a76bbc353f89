"""How sure an event must be: the threshold that gives the best F1, folded into the weights.

A classifier that learns likelihoods finds too few of what is rare: F1 is best at a threshold below one half (Lipton,
Elkan and Naryanaswamy, ECML PKDD 2014). Moving the bias of the event's score is the same as moving the threshold,
and asks nothing of the engine or of upstream, which both compare two scores.
"""

from collections.abc import Sequence

from torch import Tensor

from gpu_worker.engine import tagging
from gpu_worker.engine.document import Task
from gpu_worker.engine.layout import Model
from training import scoring
from training.litbank import Novel
from training.networks import Builder, Weights
from training.scoring import Counts

_BIAS = f"{Model.TAGGER}.flat_classifier.bias"
#: Index of the score for an event; the other one is for none.
_EVENT = 1

#: The shifts that are tried.
SHIFTS = tuple(step / 4 for step in range(-4, 9))


def event_shift(builder: Builder, weights: Weights, novels: Sequence[Novel]) -> float:
    """Return by how much to move the event's bias for the best F1 on `novels`; the least move where several give it."""
    f1 = {shift: _counts(builder, shifted(weights, shift), novels).f1 for shift in SHIFTS}
    return max(SHIFTS, key=lambda shift: (f1[shift], -abs(shift)))


def shifted(weights: Weights, shift: float) -> dict[str, Tensor]:
    """Return the weights with the bias of the event's score moved by `shift`."""
    bias = weights[_BIAS].detach().clone()
    bias[_EVENT] += shift
    return {**weights, _BIAS: bias}


def _counts(builder: Builder, weights: Weights, novels: Sequence[Novel]) -> Counts:
    pack = builder.pack(weights)
    total = Counts()
    for novel in novels:
        found = tagging.tag(novel.tokens, pack, tasks=frozenset({Task.EVENT}), compat=False, advance=lambda _: None)
        total += scoring.matches(novel.events, found.events)
    return total
