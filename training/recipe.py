"""How the pack is trained: the choices of a run, recorded with each checkpoint.

What belongs to one loss or one network alone, such as its dropout, stands beside it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """The choices of one run. Two runs of one recipe on one machine give the same weights."""

    steps: int = 6_000
    seed: int = 1
    #: How often a step reads novels (entities, events, coreference), Brown texts (supersenses) or quotes.
    novels: float = 0.42
    brown: float = 0.30
    quotes: float = 0.28
    #: Pieces in a window, and the share of stretches with longer ones, such as the engine reads.
    window: int = 190
    long_window: int = 480
    long_share: float = 0.15
    #: Pieces and quotes that a step reads.
    pieces: int = 1_330
    quotes_a_step: int = 12
    #: The share of novels whose cues are thinned out before their quotes are asked about.
    without_cues: float = 0.5
    #: The learning rates of the encoder's last layer and of the heads; each layer learns less than the one above it.
    encoder_rate: float = 3e-4
    layer_decay: float = 0.9
    head_rate: float = 2e-3
    warmup: int = 100
    weight_decay: float = 0.01
    dropout: float = 0.1
    gradient_norm: float = 1.0
    #: How much of the averaged weights stays at each step.
    averaging: float = 0.998
    #: What each task's loss counts for.
    entity_weight: float = 4.0
    event_weight: float = 2.0
    coref_weight: float = 1.0
    supersense_weight: float = 2.5
    speaker_weight: float = 1.0

    def rate(self, step: int) -> float:
        """Return the factor of all learning rates at `step`, from 1 on: a short rise, then a straight fall to 2 %."""
        return min(1.0, step / self.warmup) * max(0.02, 1 - step / self.steps)
