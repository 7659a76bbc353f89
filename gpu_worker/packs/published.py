"""The models that BookNLP's authors published, `small` and `big`: their files, where those are, how good they are."""

from collections.abc import Mapping
from dataclasses import dataclass

from gpu_worker.engine.layout import Model
from gpu_worker.engine.manifest import Source

#: Where upstream 1.0.8 takes its models from (`english_booknlp.py`). There are no checksums beside them.
ADDRESS = "http://people.ischool.berkeley.edu/~dbamman/booknlp_models/"

#: No statement comes with the weights themselves.
LICENCE = "MIT, as BookNLP, with which they were published"

ATTRIBUTION = (
    Source(
        name="BookNLP's models (github.com/booknlp/booknlp)",
        licence="MIT",
        used="all weights, converted and not changed",
    ),
    Source(
        name="BERT uncased vocabulary (github.com/google-research/bert)",
        licence="Apache-2.0",
        used="vocab.txt",
    ),
)

CAVEATS = (
    "Scores as BookNLP's authors published them, on test texts of their own; they were not measured here.",
    "Those texts are not the ones of mini's scores, so the two do not compare number by number.",
)


@dataclass(frozen=True, slots=True)
class Published:
    """One set of upstream's three checkpoints."""

    name: str
    #: Each model's file. An encoder's sizes are parts of its name.
    files: Mapping[Model, str]
    #: As the authors published them.
    scores: Mapping[str, Mapping[str, float]]


PUBLISHED = {
    pack.name: pack
    for pack in (
        Published(
            "small",
            {
                Model.TAGGER: "entities_google_bert_uncased_L-4_H-256_A-4-v1.0.model",
                Model.COREF: "coref_google_bert_uncased_L-2_H-256_A-4-v1.0.model",
                Model.SPEAKER: "speaker_google_bert_uncased_L-8_H-256_A-4-v1.0.1.model",
            },
            {
                "entities": {"f1": 88.2},
                "events": {"f1": 70.6},
                "supersenses": {"f1": 73.2},
                "speakers": {"b3": 86.4},
                "coreference": {"average": 76.4},
            },
        ),
        Published(
            "big",
            {
                Model.TAGGER: "entities_google_bert_uncased_L-6_H-768_A-12-v1.0.model",
                Model.COREF: "coref_google_bert_uncased_L-12_H-768_A-12-v1.0.model",
                Model.SPEAKER: "speaker_google_bert_uncased_L-12_H-768_A-12-v1.0.1.model",
            },
            {
                "entities": {"f1": 90.0},
                "events": {"f1": 74.1},
                "supersenses": {"f1": 76.2},
                "speakers": {"b3": 89.9},
                "coreference": {"average": 79.0},
            },
        ),
    )
}
