"""How sure the networks are, set right on the dev split and folded into the weights; the engine need not know.

Events: a classifier that learns likelihoods finds too few of what is rare, and F1 is best at a threshold below one half
(Lipton, Elkan and Narayanaswamy, ECML PKDD 2014). Moving the bias of the event's score is the same as moving the
threshold.

Who speaks: a network that has learnt its texts well is too sure of others. Its scores are divided by the temperature
at which the dev split is likeliest (Guo et al., ICML 2017). That changes no quote's best candidate, but the engine
weighs these scores against how people take turns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gpu_worker.engine import tagging
from gpu_worker.engine.document import Task
from gpu_worker.engine.layout import Model
from gpu_worker.engine.linear import Linear
from gpu_worker.engine.pack import Pack, load_pack, read_weights
from training import scoring, speaker_loss
from training.litbank import Novel
from training.scoring import Counts

_CLASSIFIER = f"{Model.TAGGER}.flat_classifier"
#: Index of the score for an event; the other one is for none.
_EVENT = 1
_LAST_OF_SPEAKER = tuple(f"{Model.SPEAKER}.fc2.{part}" for part in ("weight", "bias"))

#: The shifts and temperatures that are tried.
SHIFTS = tuple(step / 4 for step in range(-4, 9))
TEMPERATURES = tuple(step / 4 for step in range(2, 17))


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was found best."""

    #: By how much the score of an event moves.
    event_shift: float
    #: What the scores of who speaks are divided by.
    temperature: float

    def of(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return a pack's tensors, calibrated."""
        return cooled(shifted(weights, self.event_shift), self.temperature)


def calibrate(folder: Path, novels: Sequence[Novel]) -> Calibration:
    """Return what is best for the pack in `folder` on `novels`; raises `PackError` where it holds no pack."""
    return Calibration(event_shift(folder, novels), temperature(folder, novels))


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


def temperature(folder: Path, novels: Sequence[Novel]) -> float:
    """Return the temperature at which the pack in `folder` finds the speakers of `novels` likeliest.

    1 where they have no quotes to tell by. Raises `PackError` where the folder holds no pack.
    """
    speaker = load_pack(folder, "cpu").speaker
    asked = [question for novel in novels for question in speaker_loss.questions(novel, speaker)]
    if not asked:
        return 1.0
    with torch.inference_mode():
        return likeliest(*speaker_loss.table(speaker, asked))


def likeliest(scores: Tensor, right: Tensor) -> float:
    """Return the temperature at which the right candidates are likeliest, of what `speaker_loss.table` returns."""
    return min(TEMPERATURES, key=lambda degrees: float(speaker_loss.unlikeliness(scores / degrees, right)))


def shifted(weights: Mapping[str, Tensor], shift: float) -> dict[str, Tensor]:
    """Return a pack's tensors with the bias of the event's score moved by `shift`."""
    bias = weights[f"{_CLASSIFIER}.bias"].clone()
    bias[_EVENT] += shift
    return {**weights, f"{_CLASSIFIER}.bias": bias}


def cooled(weights: Mapping[str, Tensor], degrees: float) -> dict[str, Tensor]:
    """Return a pack's tensors with the scores of who speaks divided by `degrees`."""
    return {**weights, **{name: weights[name] / degrees for name in _LAST_OF_SPEAKER}}


def _counts(pack: Pack, novels: Sequence[Novel]) -> Counts:
    total = Counts()
    for novel in novels:
        found = tagging.tag(novel.tokens, pack, tasks=frozenset({Task.EVENT}), compat=False, advance=lambda _: None)
        total += scoring.matches(novel.events, found.events)
    return total
