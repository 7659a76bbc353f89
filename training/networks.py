"""The engine's networks over weights that are being trained, and the weights themselves.

Nothing of a model is defined here: every step builds `TaggerNetwork`, `SpeakerNetwork` and `CorefNetwork` anew over
the parameters as they are, which costs a hundredth of the step, and gradients flow through what the engine computes.
All three share one encoder. Its table of words stays as it was; only the tokens that BookNLP adds are learnt.
"""

import itertools
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from gpu_worker.engine import layout
from gpu_worker.engine.bio import TagSet
from gpu_worker.engine.encoder import Encoder, EncoderShape
from gpu_worker.engine.layout import ADDED_TOKENS, WORDS, Model, under
from gpu_worker.engine.manifest import EncoderSizes, Manifest, TagSets
from gpu_worker.engine.networks import CorefNetwork, Recurrent, SpeakerNetwork, TaggerNetwork
from gpu_worker.engine.pack import Pack, Precision
from gpu_worker.engine.recurrent import BiLstm
from gpu_worker.engine.wordpiece import WordPiece
from training.errors import DataError
from training.recurrent import TrainableBiLstm

#: The encoder's name in the pack.
SHARED = "shared"
#: The learnt rows after the vocabulary, for all models together.
ADDED = "added_embeddings"
_ADDED_TOKENS = tuple(dict.fromkeys(itertools.chain.from_iterable(ADDED_TOKENS.values())))

#: How wide random embeddings spread at the beginning.
_ADDED_SPREAD = 0.05
_SPREADS = {"transitions": 0.1, "wn_embedding": 1.0, "_embeddings": 0.3}

#: Layers whose inputs' dropout is done on their weights, which the engine's networks leave no other room for
#: (DropConnect: Wan et al., ICML 2013).
_THINNED = tuple(
    f"{Model.COREF}.{name}.weight" for name in ("unary2", "unary3", "mention_mention2", "mention_mention3")
)
_THINNED_BY = 0.2

Weights = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Foundation:
    """What training builds on and does not change."""

    shape: EncoderShape
    tag_sets: TagSets
    vocabulary: Mapping[str, int]
    #: The encoder's table of words, `[vocabulary, hidden]`.
    words: Tensor
    #: The encoder's other weights as they were before, by BERT's names.
    encoder: Weights

    @classmethod
    def read(cls, folder: Path, tag_sets: TagSets) -> "Foundation":
        """Read a BERT encoder from `config.json`, `vocab.txt` and `model.safetensors`; raises `DataError`."""
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            pieces = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")
            weights = {name: tensor.float() for name, tensor in load_file(folder / "model.safetensors").items()}
            shape = EncoderShape(
                config["num_hidden_layers"],
                config["hidden_size"],
                config["num_attention_heads"],
                config["intermediate_size"],
                config["layer_norm_eps"],
            )
            names = layout.encoder(shape, config["vocab_size"])
            known = {name: weights[name] for name in names}
        except (OSError, KeyError, ValueError, SafetensorError) as error:
            raise DataError(f"{folder} does not hold the encoder that training begins with: {error}") from error
        words = known.pop(WORDS)
        return cls(shape, tag_sets, {piece: index for index, piece in enumerate(pieces) if piece}, words, known)

    def tokenizers(self) -> dict[Model, WordPiece]:
        """Return each model's tokeniser; the tagger's is coreference's too."""
        number = {token: len(self.words) + row for row, token in enumerate(_ADDED_TOKENS)}
        made = {
            model: WordPiece(self.vocabulary, {token: number[token] for token in ADDED_TOKENS[model]})
            for model in (Model.TAGGER, Model.SPEAKER)
        }
        return {**made, Model.COREF: made[Model.TAGGER]}

    def manifest(self) -> Manifest:
        """Return the manifest of a pack with these sizes, without files or scores."""
        return Manifest(
            format="bookjob-pack/1",
            name="mini",
            version="0",
            licence="none",
            files={},
            encoders={SHARED: EncoderSizes(**asdict(self.shape))},
            models=dict.fromkeys(Model, SHARED),
            tag_sets=self.tag_sets,
        )

    def fresh(self, seed: int) -> dict[str, Tensor]:
        """Return the weights that training begins with: the encoder's own, and random ones around it."""
        generator = torch.Generator().manual_seed(seed)
        added = torch.randn(len(_ADDED_TOKENS), self.shape.hidden, generator=generator) * _ADDED_SPREAD
        weights = {f"encoder.{SHARED}.{name}": tensor.clone() for name, tensor in self.encoder.items()}
        weights[ADDED] = added
        for model in Model:
            shapes = layout.head(
                model,
                self.shape,
                entity_tags=len(self.tag_sets.entity),
                supersense_tags=len(self.tag_sets.supersense),
            )
            weights |= {f"{model}.{name}": _random(name, shape, generator) for name, shape in shapes.items()}
        return weights


@dataclass(frozen=True, slots=True)
class Networks:
    """The three networks over one state of the weights."""

    tagger: TaggerNetwork
    speaker: SpeakerNetwork
    coref: CorefNetwork


class Builder:
    """Builds networks on one foundation, on one device."""

    def __init__(self, foundation: Foundation, device: torch.device, dtype: torch.dtype) -> None:
        """Multiply matrices in `dtype` in training; weights stay in f32."""
        self.foundation = foundation
        self.device = device
        self.tokenizers = foundation.tokenizers()
        self._dtype = dtype
        self._words = foundation.words.to(device)
        self._entity_tags = TagSet(foundation.tag_sets.entity)
        self._supersense_tags = TagSet(foundation.tag_sets.supersense)

    def in_training(self, weights: Weights, *, dropout: float) -> Networks:
        """Return networks through which gradients reach `weights`."""
        thinned = {name: functional.dropout(weights[name], _THINNED_BY) for name in _THINNED}
        return self._build({**weights, **thinned}, self._dtype, dropout, TrainableBiLstm)

    def pack(self, weights: Weights) -> Pack:
        """Return a pack for the engine to run, in f32, with the weights as they are now."""
        still = {name: tensor.detach() for name, tensor in weights.items()}
        built = self._build(still, torch.float32, 0.0, BiLstm)
        manifest = self.foundation.manifest()
        return Pack(Path(), manifest, self.device, Precision.F32, built.tagger, built.speaker, built.coref)

    def _build(self, weights: Weights, dtype: torch.dtype, dropout: float, recurrent: type[Recurrent]) -> Networks:
        own = {WORDS: torch.cat((self._words, weights[ADDED])), **under(weights, f"encoder.{SHARED}")}
        encoder = Encoder(own, self.foundation.shape, dtype, dropout=dropout)
        return Networks(
            TaggerNetwork(
                encoder,
                self.tokenizers[Model.TAGGER],
                under(weights, Model.TAGGER),
                entity_tags=self._entity_tags,
                supersense_tags=self._supersense_tags,
                recurrent=recurrent,
            ),
            SpeakerNetwork(encoder, self.tokenizers[Model.SPEAKER], under(weights, Model.SPEAKER)),
            CorefNetwork(encoder, self.tokenizers[Model.COREF], under(weights, Model.COREF)),
        )


def pack_weights(foundation: Foundation, weights: Weights) -> dict[str, Tensor]:
    """Return all of a pack's tensors, under the names that it stores them by."""
    stored = {name: tensor.detach().float().cpu() for name, tensor in weights.items() if name != ADDED}
    stored[f"encoder.{SHARED}.{WORDS}"] = foundation.words
    added = dict(zip(_ADDED_TOKENS, weights[ADDED].detach().float().cpu(), strict=True))
    for model in Model:
        stored[f"{model}.added_embeddings"] = torch.stack([added[token] for token in ADDED_TOKENS[model]])
    return stored


def _random(name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Return a weight as torch's layers begin with; embeddings and the CRFs' transitions are normal."""
    if "embedding" in name or name.endswith("transitions"):
        spread = next(spread for part, spread in _SPREADS.items() if part in name)
        return torch.randn(shape, generator=generator) * spread
    if len(shape) == 1:
        return torch.zeros(shape)
    columns = shape[0] // 4 if "_hh_" in name or "_ih_" in name else shape[1]
    limit: float = columns**-0.5
    return (2 * torch.rand(shape, generator=generator) - 1) * limit
