"""A corpus of a few sentences and an encoder of random weights, small enough to train in a blink."""

from pathlib import Path

import torch

from gpu_worker.engine import layout
from gpu_worker.engine.document import Mention, Quote
from gpu_worker.engine.encoder import EncoderShape
from gpu_worker.engine.manifest import read_manifest
from training.evaluation import Split
from training.examples import Examples
from training.litbank import Novel, tokens_of
from training.networks import Builder, Foundation
from training.recipe import Recipe
from training.semcor import BrownText

MINI = Path("gpu_worker/packs/mini")
SHAPE = EncoderShape(2, 32, 4, 64)

_PARAGRAPHS = [
    ["Anne met old Tom Hill near the house of her father . She smiled ."],
    ["“ Good day , ” said Anne . “ I came by the mill . ”"],
    ["“ So you did , ” he answered ."],
    ["“ Is Anne home ? ”", "“ No . ”"],
]


_BROWN = ["The", "grand", "jury", "took", "place", "."]
_WORDS = {word.lower() for paragraph in _PARAGRAPHS for sentence in paragraph for word in sentence.split()}
_PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(_WORDS | {word.lower() for word in _BROWN})]


def write_vocabulary(path: Path) -> Path:
    """Write the vocabulary as BERT's `vocab.txt`."""
    path.write_text("\n".join(_PIECES) + "\n", encoding="utf-8")
    return path


def novel() -> Novel:
    """Return a novel of four paragraphs with everything annotated."""
    sentences = [sentence.split() for paragraph in _PARAGRAPHS for sentence in paragraph]
    numbers = [number for number, paragraph in enumerate(_PARAGRAPHS) for line in paragraph for _ in line.split()]
    words = [word for sentence in sentences for word in sentence]

    def at(text: str, entity: str, prop: str, category: str, nth: int = 0) -> tuple[Mention, str]:
        parts = text.split()
        starts = [i for i in range(len(words)) if words[i : i + len(parts)] == parts]
        return Mention(starts[nth], starts[nth] + len(parts) - 1, prop, category, text), entity

    labelled = sorted(
        [
            at("Anne", "anne", "PROP", "PER"),
            at("old Tom Hill", "tom", "NOM", "PER"),
            at("Tom Hill", "tom", "PROP", "PER"),
            at("the house of her father", "house", "NOM", "FAC"),
            at("her father", "father", "NOM", "PER"),
            at("her", "anne", "PRON", "PER"),
            at("She", "anne", "PRON", "PER"),
            at("Anne", "anne", "PROP", "PER", 1),
            at("I", "anne", "PRON", "PER"),
            at("the mill", "mill", "NOM", "FAC"),
            at("you", "anne", "PRON", "PER"),
            at("he", "tom", "PRON", "PER"),
            at("Anne", "anne", "PROP", "PER", 2),
        ]
    )
    opens = [i for i, word in enumerate(words) if word == "“"]
    closes = [i for i, word in enumerate(words) if word == "”"]
    return Novel(
        "tiny",
        tokens_of(sentences, numbers),
        [mention for mention, _ in labelled],
        [entity for _, entity in labelled],
        frozenset({words.index("met"), words.index("smiled"), words.index("said")}),
        [Quote(start, end) for start, end in zip(opens, closes, strict=True)],
        ["anne", "anne", "tom", "anne", "tom"],
        1.0,
    )


def brown() -> BrownText:
    """Return a Brown text of one sentence."""
    tags = ["O", "B-noun.group", "I-noun.group", "B-verb.change", "I-verb.change", "O"]
    return BrownText("br-x01", tokens_of([_BROWN], [0] * len(_BROWN)), tags)


def foundation() -> Foundation:
    """Return an encoder of random weights whose vocabulary is the corpus's own."""
    vocabulary = {piece: index for index, piece in enumerate(_PIECES)}
    generator = torch.Generator().manual_seed(7)
    weights = {
        name: torch.ones(shape)
        if name.endswith("LayerNorm.weight")
        else torch.randn(shape, generator=generator) * (0.2 if len(shape) > 1 else 0.0)
        for name, shape in layout.encoder(SHAPE, len(vocabulary)).items()
    }
    words = weights.pop("embeddings.word_embeddings.weight") * 5
    return Foundation(SHAPE, read_manifest(MINI).tag_sets, vocabulary, words, weights)


def builder() -> Builder:
    """Return a builder in f32 on the CPU."""
    return Builder(foundation(), torch.device("cpu"), torch.float32)


def examples(with_builder: Builder, recipe: Recipe) -> Examples:
    """Return the tiny corpus as training reads it."""
    return Examples([novel()], [brown()], with_builder, recipe)


def split() -> Split:
    """Return the tiny corpus as evaluation reads it."""
    return Split([novel()], [brown()])
