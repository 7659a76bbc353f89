"""Long short-term memory read in both directions (Graves and Schmidhuber, 2005), over sequences of unequal length.

An own recurrence, because on a CPU it takes half the time of torch's: the inputs of all steps go through one matrix
product, the two directions walk in step, and oneDNN multiplies weights that were reordered once at loading.
"""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gpu_worker.engine.linear import Linear

_DIRECTIONS = ("", "_reverse")


class BiLstm:
    """One bidirectional layer; no sequence sees another's padding."""

    def __init__(self, weights: Mapping[str, Tensor], name: str, dtype: torch.dtype = torch.float32) -> None:
        """Take the weights under torch's names (`<name>.weight_ih_l0`, …); inputs are multiplied in `dtype`."""
        self._inputs = []
        self._recurrent = []
        for direction in _DIRECTIONS:
            bias = weights[f"{name}.bias_ih_l0{direction}"] + weights[f"{name}.bias_hh_l0{direction}"]
            inputs = _gates_in_order(weights[f"{name}.weight_ih_l0{direction}"])
            recurrent = _gates_in_order(weights[f"{name}.weight_hh_l0{direction}"])
            self._inputs.append(Linear(inputs.to(dtype), _gates_in_order(bias).to(dtype)))
            self._recurrent.append(Linear(recurrent))
            self._hidden = recurrent.shape[1]

    def __call__(self, x: Tensor, lengths: NDArray[np.int64]) -> Tensor:
        """Return the states `[steps, batch, 2 * hidden]` for `x` `[steps, batch, features]`.

        The states at or after a sequence's length mean nothing.
        """
        steps, batch, _ = x.shape
        turned = _turned(steps, lengths, x.device)
        forward, backward = (project(x).float() for project in self._inputs)
        backward = backward.flatten(0, 1)[turned].view(backward.shape)
        states = self._walk(forward, backward)
        backward = states[:, 1].flatten(0, 1)[turned].view(steps, batch, -1)
        return torch.cat((states[:, 0], backward), 2)

    def _walk(self, forward: Tensor, backward: Tensor) -> Tensor:
        """Return the states `[steps, 2, batch, hidden]` from the gates' inputs `[steps, batch, 4 * hidden]`."""
        steps, batch, _ = forward.shape
        hidden = self._hidden
        states = forward.new_empty(steps, 2, batch, hidden)
        gates = forward.new_empty(2, batch, 4 * hidden)
        opened, written = gates[..., : 3 * hidden], gates[..., 3 * hidden :]
        entering, kept, leaving = opened.chunk(3, dim=2)
        state, cell = forward.new_zeros(2, batch, hidden), forward.new_zeros(2, batch, hidden)
        for step in range(steps):
            gates[0] = self._recurrent[0].plus(state[0], forward[step])
            gates[1] = self._recurrent[1].plus(state[1], backward[step])
            opened.sigmoid_()
            written.tanh_()
            cell.mul_(kept).addcmul_(entering, written)
            state = torch.mul(leaving, cell.tanh(), out=states[step])
        return states


def _gates_in_order(weight: Tensor) -> Tensor:
    """Turn torch's order of gates (in, forget, cell, out) into in, forget, out, cell."""
    entering, kept, written, leaving = weight.chunk(4)
    return torch.cat((entering, kept, leaving, written))


def _turned(steps: int, lengths: NDArray[np.int64], device: torch.device) -> Tensor:
    """Return where each step of each sequence, read backwards, is found among `[steps * batch]` rows."""
    step = np.arange(steps)[:, None]
    turned = np.where(step < lengths, lengths - 1 - step, step) * len(lengths) + np.arange(len(lengths))
    return torch.from_numpy(turned.ravel()).to(device)
