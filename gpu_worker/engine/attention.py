"""Attention within windows of unequal length (Vaswani et al., NeurIPS 2017), without padding where that is faster.

On a CPU each window is computed by itself at its own length. One head's scores then stay in cache, and no time goes
into padding; torch's fused attention took a third longer in every size measured. In bf16 the products take half the
time of f32's, and only the softmax between them is f32. On a GPU the windows are padded and go through the fused
kernel.
"""

import itertools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from gpu_worker.engine import linear

#: From so many pieces on, one head after the other through oneDNN beats a batch of heads through MKL.
_LONG = 256
#: So many heads at once otherwise.
_HEADS_AT_ONCE = 4

Counts = NDArray[np.int64]


def attend(query: Tensor, key: Tensor, value: Tensor, asking: Counts, asked: Counts) -> Tensor:
    """Return what each query attends to, `[queries, heads, size]`, in the queries' own type.

    `query` is `[queries, heads, size]`, already scaled; `key` and `value` `[pieces, heads, size]`. Window `i` has the
    next `asking[i]` queries and the next `asked[i]` pieces.
    """
    if query.device.type != "cpu":
        return _attend_padded(query, key, value, asking, asked)
    if query.requires_grad:
        return _attend_with_gradient(query, key, value, asking, asked)
    attended = torch.empty(query.shape, dtype=query.dtype)
    attend_window = _attend_window if query.dtype == torch.float32 else _attend_window_in_16_bits
    starts, begins = _edges(asking), _edges(asked)
    for (start, end), (first, last) in zip(itertools.pairwise(starts), itertools.pairwise(begins), strict=True):
        if end > start:
            attend_window(query[start:end], key[first:last], value[first:last], attended[start:end])
    return attended


def _edges(counts: Counts) -> list[int]:
    return [0, *np.cumsum(counts).tolist()]


def _attend_window(query: Tensor, key: Tensor, value: Tensor, out: Tensor) -> None:
    queries, keys = (part.transpose(0, 1).contiguous() for part in (query, key))
    if min(len(query), len(key)) >= _LONG and linear.AVAILABLE:
        values = value.permute(1, 2, 0).contiguous()
        for head in range(len(queries)):
            scores = linear.product(queries[head], keys[head])
            out[:, head] = linear.product(torch.softmax(scores, -1, out=scores), values[head])
        return
    values = value.transpose(0, 1).contiguous()
    for head in range(0, len(queries), _HEADS_AT_ONCE):
        some = slice(head, head + _HEADS_AT_ONCE)
        scores = torch.bmm(queries[some], keys[some].transpose(1, 2))
        out[:, some] = torch.bmm(torch.softmax(scores, -1, out=scores), values[some]).transpose(0, 1)


def _attend_window_in_16_bits(query: Tensor, key: Tensor, value: Tensor, out: Tensor) -> None:
    queries, keys, values = (part.transpose(0, 1).contiguous() for part in (query, key, value))
    scores = torch.bmm(queries, keys.transpose(1, 2))
    shares = torch.softmax(scores, -1, dtype=torch.float32).to(out.dtype)
    out[:] = torch.bmm(shares, values).transpose(0, 1)


def _attend_with_gradient(query: Tensor, key: Tensor, value: Tensor, asking: Counts, asked: Counts) -> Tensor:
    """Return the same for training: nothing is written over that a gradient needs.

    A third of the fused kernel's time, forth and back.
    """
    queries, keys, values = (
        torch.split(part.transpose(0, 1), counts.tolist(), 1)
        for part, counts in ((query, asking), (key, asked), (value, asked))
    )
    attended = [
        torch.softmax((one @ other.transpose(1, 2)).float(), -1).to(held.dtype) @ held
        for one, other, held in zip(queries, keys, values, strict=True)
    ]
    return torch.cat(attended, 1).transpose(0, 1)


def _attend_padded(query: Tensor, key: Tensor, value: Tensor, asking: Counts, asked: Counts) -> Tensor:
    queries, keys = _real(asking, query.device), _real(asked, query.device)
    attended = functional.scaled_dot_product_attention(
        _padded(query, queries),
        _padded(key, keys),
        _padded(value, keys),
        attn_mask=keys[:, None, None, :],
        scale=1.0,
    )
    return attended.transpose(1, 2)[queries]


def _real(counts: Counts, device: torch.device) -> Tensor:
    """Return which places of `[windows, longest]` are no padding."""
    return torch.from_numpy(np.arange(counts.max()) < counts[:, None]).to(device)


def _padded(rows: Tensor, real: Tensor) -> Tensor:
    """Return rows `[pieces, heads, size]` as `[windows, heads, longest, size]`."""
    padded = rows.new_zeros(*real.shape, *rows.shape[1:])
    padded[real] = rows
    return padded.transpose(1, 2)
