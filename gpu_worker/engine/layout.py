"""The name and shape of every weight that BookNLP's three models have, under upstream's own names.

One table serves all: a pack is checked against it, a foreign checkpoint is read by it, a random pack is made from it.
Shapes are torch's: a linear layer's weight is `[out, in]`, an LSTM's four gates are stacked.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from gpu_worker.engine.encoder import EncoderShape

Shapes = dict[str, tuple[int, ...]]
Weight = TypeVar("Weight")

#: BERT's name for an encoder's table of words.
WORDS = "embeddings.word_embeddings.weight"

#: Positions that a BERT encoder knows, and hence the longest sequence it reads.
POSITIONS = 512

_TAGGER_HIDDEN = 100
_EVENT_HIDDEN = 200
_WORDNET_CLASSES, _WORDNET_SIZE = 50, 20
_SPEAKER_HIDDEN = 100
_COREF_HIDDEN = 150
_FEATURE_SIZE = 20
#: Rows of coreference's feature embeddings; `gender` was trained but is never read, neither upstream nor here.
_COREF_FEATURES = {"distance": 43, "speaker": 3, "nested": 2, "gender": 3, "width": 12, "quote": 3}


class Model(StrEnum):
    """BookNLP's three models, by the prefix of upstream's file names."""

    TAGGER = "entities"
    SPEAKER = "speaker"
    COREF = "coref"


#: The tokens that each model adds after BERT's vocabulary, in the order of their ids.
ADDED_TOKENS = {
    Model.TAGGER: ("[CAP]",),
    Model.SPEAKER: ("[QUOTE]", "[ALTQUOTE]", "[PAR]", "[CAP]"),
    Model.COREF: ("[CAP]",),
}


def under(weights: Mapping[str, Weight], prefix: str) -> dict[str, Weight]:
    """Return the weights whose names begin with the prefix and a dot, by the rest of their names."""
    return {name[len(prefix) + 1 :]: weight for name, weight in weights.items() if name.startswith(f"{prefix}.")}


def encoder(shape: "EncoderShape", vocabulary: int) -> Shapes:
    """Return the weights of a BERT encoder; its pooler is left out, for nothing reads it."""
    hidden, inner = shape.hidden, shape.intermediate
    shapes: Shapes = {
        WORDS: (vocabulary, hidden),
        "embeddings.position_embeddings.weight": (POSITIONS, hidden),
        "embeddings.token_type_embeddings.weight": (2, hidden),
        **_norm("embeddings.LayerNorm", hidden),
    }
    for index in range(shape.layers):
        layer = f"encoder.layer.{index}"
        for part in ("query", "key", "value"):
            shapes |= _linear(f"{layer}.attention.self.{part}", hidden, hidden)
        shapes |= _linear(f"{layer}.attention.output.dense", hidden, hidden)
        shapes |= _norm(f"{layer}.attention.output.LayerNorm", hidden)
        shapes |= _linear(f"{layer}.intermediate.dense", hidden, inner)
        shapes |= _linear(f"{layer}.output.dense", inner, hidden)
        shapes |= _norm(f"{layer}.output.LayerNorm", hidden)
    return shapes


def head(model: Model, shape: "EncoderShape", *, entity_tags: int, supersense_tags: int) -> Shapes:
    """Return the weights that `model` has beside its encoder; tags are counted without the CRF's start and stop."""
    match model:
        case Model.TAGGER:
            return _tagger(shape, entity_tags + 2, supersense_tags + 2)
        case Model.SPEAKER:
            return {**_linear("fc", 2 * shape.hidden, _SPEAKER_HIDDEN), **_linear("fc2", _SPEAKER_HIDDEN, 1)}
        case Model.COREF:
            return _coref(shape.hidden)


def layers_read(shape: "EncoderShape") -> int:
    """Return how many of the encoder's last layers the tagger reads: four, or all of an encoder with fewer."""
    return min(4, shape.layers)


def _tagger(shape: "EncoderShape", entity_tags: int, supersense_tags: int) -> Shapes:
    features = layers_read(shape) * shape.hidden
    both = 2 * _TAGGER_HIDDEN
    return {
        "crf.transitions": (entity_tags, entity_tags),
        "supersense_crf.transitions": (supersense_tags, supersense_tags),
        "wn_embedding.weight": (_WORDNET_CLASSES, _WORDNET_SIZE),
        **dict(_lstm("supersense_lstm1", features + _WORDNET_SIZE, _TAGGER_HIDDEN)),
        **_linear("supersense_hidden2tag1", both, supersense_tags),
        **dict(_lstm("lstm1", features, _TAGGER_HIDDEN)),
        **_linear("hidden2tag1", both, entity_tags),
        **dict(_lstm("lstm2", both, _TAGGER_HIDDEN)),
        **_linear("hidden2tag2", both, entity_tags),
        **dict(_lstm("lstm3", both, _TAGGER_HIDDEN)),
        **_linear("hidden2tag3", both, entity_tags),
        **dict(_lstm("flat_lstm", features, _EVENT_HIDDEN)),
        **_linear("flat_classifier", 2 * _EVENT_HIDDEN, 2),
    }


def _coref(hidden: int) -> Shapes:
    mention = 3 * hidden + 2 * _FEATURE_SIZE
    return {
        **{f"{name}_embeddings.weight": (rows, _FEATURE_SIZE) for name, rows in _COREF_FEATURES.items()},
        **_linear("attention1", hidden, hidden),
        **_linear("attention2", hidden, 1),
        **_linear("mention_mention1", 3 * mention + 4 * _FEATURE_SIZE, _COREF_HIDDEN),
        **_linear("mention_mention2", _COREF_HIDDEN, _COREF_HIDDEN),
        **_linear("mention_mention3", _COREF_HIDDEN, 1),
        **_linear("unary1", mention, _COREF_HIDDEN),
        **_linear("unary2", _COREF_HIDDEN, _COREF_HIDDEN),
        **_linear("unary3", _COREF_HIDDEN, 1),
    }


def _linear(name: str, inputs: int, outputs: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _norm(name: str, size: int) -> Shapes:
    return {f"{name}.weight": (size,), f"{name}.bias": (size,)}


def _lstm(name: str, inputs: int, hidden: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    for direction in ("", "_reverse"):
        yield f"{name}.weight_ih_l0{direction}", (4 * hidden, inputs)
        yield f"{name}.weight_hh_l0{direction}", (4 * hidden, hidden)
        yield f"{name}.bias_ih_l0{direction}", (4 * hidden,)
        yield f"{name}.bias_hh_l0{direction}", (4 * hidden,)
