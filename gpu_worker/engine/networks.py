"""BookNLP's three networks without their encoders: what they compute, and nothing of how a book is fed to them.

Weights keep upstream's names (`tagger.py`, `speaker_attribution.py`, `bert_coref_quote_pronouns.py`).
"""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gpu_worker.engine import layout
from gpu_worker.engine.bio import TagSet
from gpu_worker.engine.crf import Crf
from gpu_worker.engine.encoder import Encoder
from gpu_worker.engine.linear import Linear
from gpu_worker.engine.recurrent import BiLstm
from gpu_worker.engine.wordpiece import WordPiece


class Recurrent(Protocol):
    """A bidirectional recurrent layer over live or loaded weights, such as `BiLstm`."""

    def __init__(self, weights: Mapping[str, Tensor], name: str, dtype: torch.dtype = torch.float32) -> None: ...

    def __call__(self, x: Tensor, lengths: NDArray[np.int64]) -> Tensor:
        """Return the states `[steps, batch, 2 * hidden]` for `x` `[steps, batch, features]`."""
        ...


class TaggerNetwork:
    """Nested entities, supersenses and events from one encoder (Ju et al., NAACL 2018; Bamman et al., NAACL 2019)."""

    def __init__(
        self,
        encoder: Encoder,
        tokenizer: WordPiece,
        weights: Mapping[str, Tensor],
        *,
        entity_tags: TagSet,
        supersense_tags: TagSet,
        recurrent: type[Recurrent] = BiLstm,
    ) -> None:
        """Build on `encoder`; training brings a `recurrent` layer of its own, which computes gradients."""
        self.encoder = encoder
        self.tokenizer = tokenizer
        self.layers_read = layout.layers_read(encoder.shape)
        self.entity_tags = entity_tags
        self.supersense_tags = supersense_tags
        #: One recurrent layer and its tag scores for each layer of nesting.
        self.entity_lstms = [
            recurrent(weights, "lstm1", encoder.dtype),
            recurrent(weights, "lstm2"),
            recurrent(weights, "lstm3"),
        ]
        self.entity_scores = [_linear(weights, f"hidden2tag{layer}") for layer in (1, 2, 3)]
        self.entity_crf = Crf(weights["crf.transitions"])
        self.event_lstm = recurrent(weights, "flat_lstm", encoder.dtype)
        self.event_scores = _linear(weights, "flat_classifier")
        self.wordnet = weights["wn_embedding.weight"]
        self.supersense_lstm = recurrent(weights, "supersense_lstm1", encoder.dtype)
        self.supersense_scores = _linear(weights, "supersense_hidden2tag1")
        self.supersense_crf = Crf(weights["supersense_crf.transitions"])


class SpeakerNetwork:
    """Scores how likely a candidate is to speak a quote."""

    def __init__(self, encoder: Encoder, tokenizer: WordPiece, weights: Mapping[str, Tensor]) -> None:
        self.encoder = encoder
        self.tokenizer = tokenizer
        self._hidden = _linear(weights, "fc")
        self._score = _linear(weights, "fc2")

    def scores(self, candidates: Tensor, quotes: Tensor) -> Tensor:
        """Return one score a pair; `candidates` and `quotes` are `[pairs, hidden]` each."""
        return self._score(torch.tanh(self._hidden(torch.cat((candidates, quotes), 1))))[:, 0]


class CorefNetwork:
    """Scores whether two mentions are one (Lee et al., EMNLP 2017; Bamman et al., LREC 2020)."""

    def __init__(self, encoder: Encoder, tokenizer: WordPiece, weights: Mapping[str, Tensor]) -> None:
        self.encoder = encoder
        self.tokenizer = tokenizer
        self._attention = [_linear(weights, f"attention{layer}") for layer in (1, 2)]
        self._unary = [_linear(weights, f"unary{layer}") for layer in (1, 2, 3)]
        self._later = [_linear(weights, f"mention_mention{layer}") for layer in (2, 3)]
        self.widths = weights["width_embeddings.weight"]
        self.quotes = weights["quote_embeddings.weight"]
        self._split_first_layer(weights)

    def _split_first_layer(self, weights: Mapping[str, Tensor]) -> None:
        """Cut the first layer by its inputs, so that what depends on one mention is computed once a mention."""
        weight, bias = weights["mention_mention1.weight"], weights["mention_mention1.bias"]
        mention = 3 * self.encoder.shape.hidden + self.widths.shape[1] + self.quotes.shape[1]
        features = ("distance", "nested", "nested", "speaker")
        tables = [weights[f"{name}_embeddings.weight"] for name in features]
        parts = torch.split(weight, [mention] * 3 + [table.shape[1] for table in tables], dim=1)
        nothing = torch.zeros_like(bias)
        self._anaphor = Linear(parts[0].contiguous(), bias)
        self._antecedent = Linear(parts[1].contiguous(), nothing)
        self._product = Linear(parts[2].contiguous(), nothing)
        self._distance, self._nested, self._nesting, self._speaker = (
            table @ part.T for table, part in zip(tables, parts[3:], strict=True)
        )

    def salience(self, words: Tensor) -> Tensor:
        """Return each word's weight in its mention, not normalised; `words` is `[words, hidden]`."""
        first, second = self._attention
        return torch.exp(second(torch.tanh(first(words))))[:, 0]

    def unary(self, mentions: Tensor) -> Tensor:
        """Return how likely each of `mentions` `[mentions, features]` is to be coreferent with anything."""
        first, second, third = self._unary
        return third(torch.tanh(second(torch.tanh(first(mentions)))))[:, 0]

    def as_anaphors(self, mentions: Tensor) -> Tensor:
        """Return the anaphor's share of the pairs' first layer, `[mentions, 150]`."""
        return self._anaphor(mentions)

    def as_antecedents(self, mentions: Tensor) -> Tensor:
        """Return the antecedent's share of the pairs' first layer, `[mentions, 150]`."""
        return self._antecedent(mentions)

    def pair_features(self, products: Tensor, distance: Tensor, nested: Tensor, nesting: Tensor) -> Tensor:
        """Return the share of what only a pair has; `products` are its mentions' vectors multiplied."""
        return self._product(products) + self._distance[distance] + self._nested[nested] + self._nesting[nesting]

    def pair_scores(self, first_layer: Tensor, speaker: Tensor) -> Tensor:
        """Return `[pairs]` scores, to which both mentions' `unary` is to be added.

        `speaker` `[pairs]` tells of the antecedent: 1, it speaks the anaphor's quote; 0, it does not; 2, nobody knows.
        """
        second, third = self._later
        return third(torch.tanh(second(torch.tanh(first_layer + self._speaker[speaker]))))[:, 0]


def _linear(weights: Mapping[str, Tensor], name: str) -> Linear:
    return Linear(weights[f"{name}.weight"], weights[f"{name}.bias"])
