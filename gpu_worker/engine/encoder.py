"""BERT's encoder, as small as inference needs it (Devlin et al., NAACL 2019), checked against `transformers`."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gpu_worker.engine.attention import Counts, attend
from gpu_worker.engine.linear import Linear


@dataclass(frozen=True, slots=True)
class EncoderShape:
    """The sizes of a BERT encoder."""

    layers: int
    hidden: int
    heads: int
    intermediate: int
    layer_norm_epsilon: float = 1e-12


class _LayerNorm:
    def __init__(self, weights: Mapping[str, Tensor], name: str, epsilon: float) -> None:
        self._weight, self._bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        self._epsilon = epsilon

    def __call__(self, x: Tensor) -> Tensor:
        return functional.layer_norm(x, self._weight.shape, self._weight, self._bias, self._epsilon)


class _Layer:
    def __init__(
        self, weights: Mapping[str, Tensor], name: str, shape: EncoderShape, dtype: torch.dtype, dropout: float
    ) -> None:
        scale = (shape.hidden // shape.heads) ** -0.5
        parts = [
            (weights[f"{name}.attention.self.{part}.weight"], weights[f"{name}.attention.self.{part}.bias"])
            for part in ("query", "key", "value")
        ]
        parts[0] = (parts[0][0] * scale, parts[0][1] * scale)
        self._qkv = Linear(
            torch.cat([weight for weight, _ in parts]).to(dtype), torch.cat([bias for _, bias in parts]).to(dtype)
        )
        self._attended = _linear(weights, f"{name}.attention.output.dense", dtype)
        self._attention_norm = _LayerNorm(weights, f"{name}.attention.output.LayerNorm", shape.layer_norm_epsilon)
        self._up = _linear(weights, f"{name}.intermediate.dense", dtype, gelu=True)
        self._down = _linear(weights, f"{name}.output.dense", dtype)
        self._output_norm = _LayerNorm(weights, f"{name}.output.LayerNorm", shape.layer_norm_epsilon)
        self._heads = shape.heads
        self._dropout = dropout

    def __call__(
        self, x: Tensor, lengths: Counts, wanted: Tensor | None = None, counts: Counts | None = None
    ) -> Tensor:
        pieces, hidden = x.shape
        query, key, value = self._qkv(x).view(pieces, 3, self._heads, hidden // self._heads).unbind(1)
        if wanted is not None:
            query, x = query[wanted], x[wanted]
        attended = attend(query, key, value, lengths if counts is None else counts, lengths)
        x = self._attention_norm(x + self._kept(self._attended(attended.flatten(1))))
        return self._output_norm(x + self._kept(self._down(self._up(x))))

    def _kept(self, x: Tensor) -> Tensor:
        return functional.dropout(x, self._dropout) if self._dropout else x


class Encoder:
    """Turns word pieces into hidden states; holds weights only, so one object serves any number of callers.

    Windows go through it end to end, without padding: `ids` `[pieces]` are all their pieces, `lengths` `[windows]`
    says how many each has.
    """

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        shape: EncoderShape,
        dtype: torch.dtype = torch.float32,
        *,
        dropout: float = 0.0,
    ) -> None:
        """Take f32 weights under BERT's own names (`embeddings.…`, `encoder.layer.0.…`), on their device.

        Matrices are multiplied in `dtype`; sums and norms stay in f32, or small errors would grow layer by layer.
        `dropout` is the share of each layer's outputs that training leaves out.
        """
        self.shape = shape
        self.dtype = dtype
        self._words = weights["embeddings.word_embeddings.weight"]
        self._positions = (
            weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._norm = _LayerNorm(weights, "embeddings.LayerNorm", shape.layer_norm_epsilon)
        self._layers = [_Layer(weights, f"encoder.layer.{i}", shape, dtype, dropout) for i in range(shape.layers)]

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._words.device

    def states(self, ids: Tensor, lengths: Counts, *, last: int = 1) -> list[Tensor]:
        """Return the hidden states of the last `last` layers, the very last first; each `[pieces, hidden]`."""
        x = self._embed(ids, lengths)
        kept = []
        for index, layer in enumerate(self._layers):
            x = layer(x, lengths)
            if index >= self.shape.layers - last:
                kept.append(x)
        return kept[::-1]

    def states_at(self, ids: Tensor, lengths: Counts, wanted: Tensor, counts: Counts) -> Tensor:
        """Return the last layer's states of the pieces `wanted` alone, `[wanted, hidden]`.

        `wanted` holds places in `ids`, window by window; `counts` `[windows]` says how many each window has of them.
        The last layer then computes nothing for the other pieces, whom nobody attends to any more.
        """
        x = self._embed(ids, lengths)
        for layer in self._layers[:-1]:
            x = layer(x, lengths)
        return self._layers[-1](x, lengths, wanted, counts)

    def _embed(self, ids: Tensor, lengths: Counts) -> Tensor:
        places = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return self._norm(self._words[ids] + self._positions[torch.from_numpy(places).to(ids.device)])


def _linear(weights: Mapping[str, Tensor], name: str, dtype: torch.dtype, *, gelu: bool = False) -> Linear:
    return Linear(weights[f"{name}.weight"].to(dtype), weights[f"{name}.bias"].to(dtype), gelu=gelu)
