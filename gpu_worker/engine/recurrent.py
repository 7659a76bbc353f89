"""Long short-term memory read in both directions (Graves and Schmidhuber, 2005), over sequences of unequal length.

torch's own layer, once forwards and once over each sequence turned round at its own end: packed sequences, torch's way
to keep padding out, leave oneDNN on a CPU and take several times as long.
"""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

_PARTS = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


class BiLstm:
    """One bidirectional layer; no sequence sees another's padding."""

    def __init__(self, weights: Mapping[str, Tensor], name: str, dtype: torch.dtype = torch.float32) -> None:
        """Take the weights under torch's names (`<name>.weight_ih_l0`, …); all is computed in `dtype`."""
        self._dtype = dtype
        self._forward, self._backward = (
            _lstm({part: weights[f"{name}.{part}{direction}"].to(dtype) for part in _PARTS})
            for direction in ("", "_reverse")
        )

    def __call__(self, x: Tensor, lengths: NDArray[np.int64]) -> Tensor:
        """Return the states `[steps, batch, 2 * hidden]` in f32 for `x` `[steps, batch, features]`.

        The states at or after a sequence's length mean nothing.
        """
        turn = _turn(len(x), lengths, x.device)
        x = x.to(self._dtype)
        forward, _ = self._forward(x)
        backward, _ = self._backward(_turned(x, turn))
        return torch.cat((forward, _turned(backward, turn)), 2).float()


def _lstm(weights: Mapping[str, Tensor]) -> nn.LSTM:
    gates, features = weights["weight_ih_l0"].shape
    lstm = nn.LSTM(features, gates // 4, device="meta")
    lstm.load_state_dict(weights, assign=True)
    return lstm.requires_grad_(requires_grad=False)


def _turn(steps: int, lengths: NDArray[np.int64], device: torch.device) -> Tensor:
    """Return where each step of each sequence, read backwards, is found among `[steps * batch]` rows."""
    step = np.arange(steps)[:, None]
    turned = np.where(step < lengths, lengths - 1 - step, step) * len(lengths) + np.arange(len(lengths))
    return torch.from_numpy(turned.ravel()).to(device)


def _turned(x: Tensor, turn: Tensor) -> Tensor:
    return x.flatten(0, 1).index_select(0, turn).view(x.shape)
