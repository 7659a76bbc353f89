"""The likelihood of tags under a linear-chain conditional random field (Lafferty et al., ICML 2001).

The gradient of the partition function is the tags' marginal probabilities, which the forward-backward algorithm gives
in closed form (Rabiner, 1989, with his scaling), without a graph over the steps. Tags and transitions are laid out as
in `gpu_worker.engine.crf`: `[to, from]`, the last two tags being the start and the stop.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def negative_log_likelihood(
    emissions: Tensor, tags: NDArray[np.int64], lengths: NDArray[np.int64], transitions: Tensor
) -> Tensor:
    """Return minus the summed log-likelihood of `tags` `[batch, steps]` under `emissions` `[steps, batch, tags]`.

    Every length is at least 1; what lies beyond it is not looked at.
    """
    device = emissions.device
    inside = torch.from_numpy(np.arange(len(emissions))[:, None] < lengths).to(device)
    partition: Tensor = _LogPartition.apply(emissions, transitions, inside)  # type: ignore[no-untyped-call]  # in torch
    gold = torch.from_numpy(tags.T.copy()).to(device)
    start, stop = len(transitions) - 2, len(transitions) - 1
    before = torch.cat((torch.full_like(gold[:1], start), gold[:-1]))
    scores = emissions.gather(2, gold[:, :, None])[:, :, 0] + transitions[gold, before]
    last = gold[torch.from_numpy(lengths - 1).to(device), torch.arange(len(lengths), device=device)]
    return partition.sum() - scores[inside].sum() - transitions[stop, last].sum()


class _LogPartition(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, emissions: Tensor, transitions: Tensor, inside: Tensor) -> Tensor:
        """Return the log of the sum over all paths, `[batch]`; `inside` `[steps, batch]` masks the padding."""
        steps, batch, tags = emissions.shape
        moves = transitions.exp()
        most = emissions.amax(2, keepdim=True)
        weights = (emissions - most).exp()
        reached = emissions.new_zeros(steps + 1, batch, tags)
        reached[0, :, tags - 2] = 1
        scales = emissions.new_ones(steps, batch, 1)
        across = moves.T.contiguous()
        for step in range(steps):
            now = torch.mm(reached[step], across).mul_(weights[step])
            scale = now.sum(1, keepdim=True)
            here = inside[step, :, None]
            reached[step + 1] = torch.where(here, now / scale, reached[step])
            scales[step] = torch.where(here, scale, scales[step])
        stopped = reached[-1] @ moves[tags - 1]
        ctx.save_for_backward(moves, weights, reached, scales, stopped, inside)
        logs = (scales[:, :, 0].log() + most[:, :, 0]).where(inside, scales.new_zeros(()))
        return logs.sum(0) + stopped.log()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        """Return the marginals, and the expected number of each move, both weighed by the gradient."""
        moves, weights, reached, scales, stopped, inside = ctx.saved_tensors
        (grad,) = grads
        to_come = torch.empty_like(weights)
        ahead = (moves[-1] / stopped[:, None]).contiguous()
        for step in range(len(weights) - 1, -1, -1):
            to_come[step] = ahead
            before = torch.mm(ahead * weights[step], moves) / scales[step]
            ahead = torch.where(inside[step, :, None], before, ahead)
        here = inside[:, :, None]
        marginals = (reached[1:] * to_come * grad[:, None]).where(here, weights.new_zeros(()))
        arriving = (to_come * weights / scales * grad[:, None]).where(here, weights.new_zeros(()))
        expected = moves * (arriving.flatten(0, 1).T @ reached[:-1].flatten(0, 1))
        expected[-1] += ((grad / stopped)[:, None] * reached[-1] * moves[-1]).sum(0)
        return marginals, expected, None
