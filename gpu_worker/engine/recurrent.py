"""Long short-term memory read in both directions (Graves and Schmidhuber, 2005), over sequences of unequal length."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class BiLstm:
    """One bidirectional layer; no sequence sees another's padding."""

    def __init__(self, weights: Mapping[str, Tensor], name: str) -> None:
        """Take the weights under torch's names (`<name>.weight_ih_l0`, …)."""
        own = {key.removeprefix(f"{name}."): value for key, value in weights.items() if key.startswith(f"{name}.")}
        recurrent = own["weight_hh_l0"]
        with torch.device("meta"):
            self._lstm = nn.LSTM(own["weight_ih_l0"].shape[1], recurrent.shape[1], bidirectional=True, batch_first=True)
        self._lstm.load_state_dict(own, assign=True)
        self._lstm.requires_grad_(requires_grad=False)
        self._lstm.flatten_parameters()

    def __call__(self, x: Tensor, lengths: NDArray[np.int64]) -> Tensor:
        """Return the states `[batch, steps, 2 * hidden]` for `x` `[batch, steps, features]`; zero after a length.

        Every length is at least 1.
        """
        packed = nn.utils.rnn.pack_padded_sequence(x, torch.from_numpy(lengths), batch_first=True, enforce_sorted=False)
        states, _ = nn.utils.rnn.pad_packed_sequence(self._lstm(packed)[0], batch_first=True, total_length=x.shape[1])
        return states
