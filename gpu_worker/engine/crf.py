"""Viterbi decoding of a linear-chain conditional random field (Lafferty et al., ICML 2001), over a whole batch.

Follows `CRF.viterbi_decode` of upstream's `common/crf.py`. There the back-trace starts at the end of the batch's
longest sequence and so walks through the padding of the shorter ones, which can change their last tags. Here it
starts at each sequence's own end; `trailing` asks for upstream's walk, when its very output is wanted.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

#: The score of a state that cannot be.
_IMPOSSIBLE = -10_000.0


class Crf:
    """Scores of moving from tag to tag; the last two tags are the start and the stop of a sequence."""

    def __init__(self, transitions: Tensor) -> None:
        """Take the scores `[to, from]`."""
        self.transitions = transitions
        self._scores = transitions.detach().float().cpu().numpy()

    @property
    def tags(self) -> int:
        """How many tags there are, start and stop included."""
        return len(self._scores)

    def decode(
        self, emissions: Tensor, lengths: NDArray[np.int64], trailing: NDArray[np.int64] | None = None
    ) -> NDArray[np.int64]:
        """Return the best tags, `[batch, steps]`; beyond `lengths + trailing` they mean nothing.

        `emissions` is `[steps, batch, tags]`. `trailing` counts the steps of padding after each sequence that the
        back-trace walks through (none by default).
        """
        best = self._forward(emissions, lengths)
        ends = lengths if trailing is None else lengths + trailing
        return self._backward(best, ends)

    def _forward(self, emissions: Tensor, lengths: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the score of the best path to each tag before each step, `[steps + 1, batch, tags]`.

        From a sequence's end on it is that of the path to its stop.
        """
        steps, batch, tags = emissions.shape
        history = torch.empty((steps + 1, batch, tags), device=emissions.device)
        history[0] = _IMPOSSIBLE
        history[0, :, tags - 2] = 0
        # Taken apart at once: to find a step's rows takes as long as to add them.
        scores = history.unbind()
        # `[from, batch, to]`, so that the best of all tags is taken along rows that lie behind one another.
        transitions = self.transitions.T.contiguous()[:, None, :]
        reached = torch.empty((tags, batch, tags), device=emissions.device)
        for before, after, emission in zip(scores, scores[1:], emissions.unbind(), strict=False):
            torch.add(before.T[:, :, None], transitions, out=reached)
            torch.amax(reached, 0, out=after)
            after += emission
        return self._stopped(history.cpu().numpy(), lengths)

    def _stopped(self, history: NDArray[np.float32], lengths: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return `history` with each sequence's score at its stop from its end on."""
        stop = np.where(lengths[:, None] > 0, self._scores[self.tags - 1], 0)
        at_end = history[lengths, np.arange(len(lengths))] + stop
        ended = np.arange(len(history))[:, None] >= lengths
        return np.where(ended[..., None], at_end, history)

    def _backward(self, best: NDArray[np.float32], ends: NDArray[np.int64]) -> NDArray[np.int64]:
        steps, batch, _ = best.shape
        tag = best[-1].argmax(1)
        path = np.zeros((batch, steps - 1), np.int64)
        for step in range(steps - 2, -1, -1):
            path[:, step] = tag
            before = (best[step] + self._scores[tag]).argmax(1)
            tag = np.where(step < ends, before, tag)
        return path
