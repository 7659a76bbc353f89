"""The engine's bidirectional recurrence with a gradient.

A twin of `gpu_worker.engine.recurrent.BiLstm`, whose steps write over their inputs and so leave nothing to
differentiate. Torch's own LSTM, and autograd over single steps, both take twice the time on a CPU.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

_DIRECTIONS = ("", "_reverse")


class TrainableBiLstm:
    """One bidirectional layer over live weights; no sequence sees another's padding."""

    def __init__(self, weights: Mapping[str, Tensor], name: str, dtype: torch.dtype = torch.float32) -> None:
        """Take the weights under torch's names (`<name>.weight_ih_l0`, …); inputs are multiplied in `dtype`."""
        self._inputs = torch.cat([weights[f"{name}.weight_ih_l0{way}"] for way in _DIRECTIONS]).to(dtype)
        self._bias = torch.cat(
            [weights[f"{name}.bias_ih_l0{way}"] + weights[f"{name}.bias_hh_l0{way}"] for way in _DIRECTIONS]
        )
        self._recurrent = torch.stack([weights[f"{name}.weight_hh_l0{way}"].T for way in _DIRECTIONS])

    def __call__(self, x: Tensor, lengths: NDArray[np.int64]) -> Tensor:
        """Return the states `[steps, batch, 2 * hidden]` for `x` `[steps, batch, features]`.

        The states at or after a sequence's length mean nothing.
        """
        steps, batch, _ = x.shape
        turned = _turned(steps, lengths).to(x.device)
        gates = functional.linear(x.to(self._inputs.dtype), self._inputs).float() + self._bias
        forward, backward = gates.chunk(2, dim=2)
        backward = backward.flatten(0, 1).index_select(0, turned).view(forward.shape)
        states: Tensor = _Recurrence.apply(torch.stack((forward, backward), 1), self._recurrent)  # type: ignore[no-untyped-call]  # in torch
        backward = states[:, 1].flatten(0, 1).index_select(0, turned).view(steps, batch, -1)
        return torch.cat((states[:, 0], backward), 2)


class _Recurrence(torch.autograd.Function):
    """Both directions' steps, in step; gates come in torch's order: in, forget, cell, out."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, recurrent: Tensor) -> Tensor:
        """Return the states `[steps, 2, batch, hidden]` for the gates' `inputs` `[steps, 2, batch, 4 * hidden]`.

        `recurrent` is `[2, hidden, 4 * hidden]`.
        """
        steps, _, batch, _ = inputs.shape
        hidden = recurrent.shape[1]
        gates = torch.empty_like(inputs)
        cells = inputs.new_zeros(steps + 1, 2, batch, hidden)
        states = inputs.new_zeros(steps + 1, 2, batch, hidden)
        for step in range(steps):
            now = torch.baddbmm(inputs[step], states[step], recurrent, out=gates[step])
            now[..., : 2 * hidden].sigmoid_()
            now[..., 2 * hidden : 3 * hidden].tanh_()
            now[..., 3 * hidden :].sigmoid_()
            entering, kept, written, leaving = now.chunk(4, dim=2)
            cell = torch.mul(kept, cells[step], out=cells[step + 1]).addcmul_(entering, written)
            torch.mul(leaving, cell.tanh(), out=states[step + 1])
        ctx.save_for_backward(gates, cells, states, recurrent)
        return states[1:].clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradients of the gates' inputs and of the recurrent weights."""
        gates, cells, states, recurrent = ctx.saved_tensors
        (grad,) = grads
        steps, _, batch, width = gates.shape
        entering, kept, written, leaving = gates.chunk(4, dim=3)
        squashed = cells[1:].tanh()
        # How much each gate's input moves the cell, and what moves the state; the walk back only scales them.
        by_cell = torch.stack(
            (
                written * entering * (1 - entering),
                cells[:-1] * kept * (1 - kept),
                entering * (1 - written * written),
            ),
            3,
        )
        by_state = squashed * leaving * (1 - leaving)
        cell_by_state = leaving * (1 - squashed * squashed)
        back = recurrent.transpose(1, 2).contiguous()
        inputs_grad = torch.empty_like(gates)
        parts = inputs_grad.view(steps, 2, batch, 4, width // 4)
        state_grad, cell_grad = torch.zeros_like(cells[0]), torch.zeros_like(cells[0])
        for step in range(steps - 1, -1, -1):
            state_grad = state_grad + grad[step]
            cell_grad = torch.addcmul(cell_grad, state_grad, cell_by_state[step])
            torch.mul(by_cell[step], cell_grad[:, :, None], out=parts[step, :, :, :3])
            torch.mul(by_state[step], state_grad, out=parts[step, :, :, 3])
            cell_grad = cell_grad * kept[step]
            state_grad = torch.bmm(inputs_grad[step], back)
        before = states[:-1].permute(1, 3, 0, 2).flatten(2)
        return inputs_grad, torch.bmm(before, inputs_grad.transpose(0, 1).flatten(1, 2))


def _turned(steps: int, lengths: NDArray[np.int64]) -> Tensor:
    """Return where each step of each sequence, read backwards, is found among `[steps * batch]` rows."""
    step = np.arange(steps)[:, None]
    turned = np.where(step < lengths, lengths - 1 - step, step) * len(lengths) + np.arange(len(lengths))
    return torch.from_numpy(turned.ravel())
