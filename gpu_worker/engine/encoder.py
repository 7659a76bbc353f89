"""BERT's encoder, as small as inference needs it (Devlin et al., NAACL 2019), checked against `transformers`.

On a CPU, matrix products run through oneDNN with weights reordered once at loading: on processors for which MKL has
no AVX-512 path this doubles the speed in f32, and GELU is computed while the product is still in cache.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class EncoderShape:
    """The sizes of a BERT encoder."""

    layers: int
    hidden: int
    heads: int
    intermediate: int
    layer_norm_epsilon: float = 1e-12


class Linear:
    """`x W^T + b`, with GELU (the exact one, by erf) on request; `[..., in] -> [..., out]`."""

    def __init__(self, weight: Tensor, bias: Tensor, *, gelu: bool = False) -> None:
        self._bias = bias
        self._gelu = gelu
        self._reordered = weight.device.type == "cpu" and torch.backends.mkldnn.is_available()
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight) if self._reordered else weight  # noqa: SLF001

    def __call__(self, x: Tensor) -> Tensor:
        """Return the product for `x`."""
        if self._reordered:
            activation = ("gelu", [], "none") if self._gelu else ("none", [], "")
            out: Tensor = torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, *activation)  # noqa: SLF001
            return out
        out = functional.linear(x, self._weight, self._bias)
        return functional.gelu(out) if self._gelu else out


class _LayerNorm:
    def __init__(self, weights: Mapping[str, Tensor], name: str, epsilon: float) -> None:
        self._weight, self._bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        self._epsilon = epsilon

    def __call__(self, x: Tensor) -> Tensor:
        return functional.layer_norm(x, self._weight.shape, self._weight, self._bias, self._epsilon)


class _Layer:
    def __init__(self, weights: Mapping[str, Tensor], name: str, shape: EncoderShape) -> None:
        projections = [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
        self._qkv = Linear(
            torch.cat([weights[f"{part}.weight"] for part in projections]),
            torch.cat([weights[f"{part}.bias"] for part in projections]),
        )
        self._attended = _linear(weights, f"{name}.attention.output.dense")
        self._attention_norm = _LayerNorm(weights, f"{name}.attention.output.LayerNorm", shape.layer_norm_epsilon)
        self._up = _linear(weights, f"{name}.intermediate.dense", gelu=True)
        self._down = _linear(weights, f"{name}.output.dense")
        self._output_norm = _LayerNorm(weights, f"{name}.output.LayerNorm", shape.layer_norm_epsilon)
        self._heads = shape.heads

    def __call__(self, x: Tensor, mask: Tensor | None, rows: Tensor | None = None) -> Tensor:
        batch, pieces, hidden = x.shape
        qkv = self._qkv(x).view(batch, pieces, 3, self._heads, hidden // self._heads)
        query, key, value = (part.transpose(1, 2) for part in qkv.unbind(2))
        if rows is not None:
            picked = rows[:, None, :, None].expand(-1, self._heads, -1, hidden // self._heads)
            query = query.gather(2, picked)
            x = x.gather(1, rows[:, :, None].expand(-1, -1, hidden))
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        attended = attended.transpose(1, 2).reshape(x.shape)
        x = self._attention_norm(x + self._attended(attended))
        return self._output_norm(x + self._down(self._up(x)))


class Encoder:
    """Turns word pieces into hidden states; holds weights only, so one object serves any number of callers."""

    def __init__(self, weights: Mapping[str, Tensor], shape: EncoderShape) -> None:
        """Take the weights under BERT's own names (`embeddings.…`, `encoder.layer.0.…`), on their device."""
        self.shape = shape
        self._words = weights["embeddings.word_embeddings.weight"]
        self._positions = (
            weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._norm = _LayerNorm(weights, "embeddings.LayerNorm", shape.layer_norm_epsilon)
        self._layers = [_Layer(weights, f"encoder.layer.{i}", shape) for i in range(shape.layers)]

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._words.device

    @property
    def longest(self) -> int:
        """The most pieces that one sequence can have."""
        return self._positions.shape[0]

    def states(self, ids: Tensor, lengths: Tensor, *, last: int = 1) -> list[Tensor]:
        """Return the hidden states of the last `last` layers, the very last first; each `[batch, pieces, hidden]`.

        `ids` is `[batch, pieces]`, `lengths` `[batch]`: pieces at or after a row's length are padding, which no piece
        attends to and whose states mean nothing.
        """
        mask = _mask(ids, lengths)
        x = self._embed(ids)
        kept = [x] if last > self.shape.layers else []
        for index, layer in enumerate(self._layers):
            x = layer(x, mask)
            if index >= self.shape.layers - last:
                kept.append(x)
        return kept[::-1]

    def states_at(self, ids: Tensor, lengths: Tensor, rows: Tensor) -> Tensor:
        """Return the last layer's states at the pieces `rows` `[batch, wanted]` alone, `[batch, wanted, hidden]`.

        The last layer then computes nothing for the other pieces, which nobody attends to any more.
        """
        mask = _mask(ids, lengths)
        x = self._embed(ids)
        for layer in self._layers[:-1]:
            x = layer(x, mask)
        return self._layers[-1](x, mask, rows)

    def _embed(self, ids: Tensor) -> Tensor:
        return self._norm(self._words[ids] + self._positions[: ids.shape[1]])


def _linear(weights: Mapping[str, Tensor], name: str, *, gelu: bool = False) -> Linear:
    return Linear(weights[f"{name}.weight"], weights[f"{name}.bias"], gelu=gelu)


def _mask(ids: Tensor, lengths: Tensor) -> Tensor | None:
    real = torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]
    return None if bool(real.all()) else real[:, None, None, :]
