"""LitBank (Bamman et al., 2019 and 2020; Sims et al., 2019): the first 2,000 words or so of 100 works of fiction.

Read from the folders `coref/tsv` (mentions with category, kind and entity), `events/tsv`, `quotations/tsv` (quotes and
who speaks them) and `original_head`, the beginning of each original text, which has the paragraphs. The split by text,
80/10/10, is that of Bamman, Popat and Shen (NAACL 2019): `train.ids`, `dev.ids`, `test.ids`.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gpu_worker.engine.document import Mention, Quote, Token
from training.errors import DataError
from training.paragraphs import align

SPLITS = ("train", "dev", "test")
_SUFFIX = "_brat"


@dataclass(frozen=True, slots=True)
class Novel:
    """One annotated text; every position is an index into its tokens, spans inclusive."""

    name: str
    tokens: list[Token]
    #: Sorted by position.
    mentions: list[Mention]
    #: The entity that each mention refers to.
    entities: list[str]
    #: Tokens that are events.
    events: frozenset[int]
    #: Sorted by position.
    quotes: list[Quote]
    #: The entity that speaks each quote, None where nobody says.
    speakers: list[str | None]
    #: The share of the words whose paragraph is known.
    aligned: float


def read_split(folder: Path, split: str) -> list[Novel]:
    """Return the novels of `train`, `dev` or `test`; raises `DataError` for a folder that is not LitBank."""
    try:
        lines = (folder / f"{split}.ids").read_text(encoding="utf-8").split()
        return [read_novel(folder, line.removesuffix(".tsv").removesuffix(_SUFFIX)) for line in lines]
    except (OSError, ValueError, IndexError, KeyError) as error:
        raise DataError(f"{folder} does not hold LitBank as it is pinned: {error}") from error


def read_novel(folder: Path, name: str) -> Novel:
    """Return one text with all that is annotated in it."""
    sentences = [line.split() for line in _lines(folder / "coref" / "tsv" / f"{name}{_SUFFIX}.txt")]
    words = [word for sentence in sentences for word in sentence]
    starts = list(itertools.accumulate(map(len, sentences), initial=0))
    original = (folder / "original_head" / f"{name}.txt").read_text(encoding="utf-8", errors="replace")
    alignment = align(words, original)
    labelled = sorted(set(_mentions(folder / "coref" / "tsv" / f"{name}{_SUFFIX}.ann", starts, words)))
    spoken = sorted(_quotes(folder / "quotations" / "tsv" / f"{name}{_SUFFIX}.ann", starts))
    return Novel(
        name,
        tokens_of(sentences, alignment.paragraphs),
        [mention for mention, _ in labelled],
        [entity for _, entity in labelled],
        _events(folder / "events" / "tsv" / f"{name}{_SUFFIX}.tsv", words),
        [Quote(start, end) for start, end, _ in spoken],
        [speaker or None for _, _, speaker in spoken],
        alignment.aligned,
    )


def tokens_of(sentences: list[list[str]], paragraphs: list[int]) -> list[Token]:
    """Return words as the engine's tokens, with what a corpus tells of them and nothing of their syntax."""
    places = [(number, place, word) for number, words in enumerate(sentences) for place, word in enumerate(words)]
    return [
        Token(paragraph, sentence, place, index, word, word, 0, 0, "", "", "", index)
        for index, ((sentence, place, word), paragraph) in enumerate(zip(places, paragraphs, strict=True))
    ]


def _mentions(path: Path, starts: list[int], words: list[str]) -> Iterator[tuple[Mention, str]]:
    """Yield the mentions with their entities; one that LitBank gives no entity is an entity of its own."""
    rows = [line.split("\t") for line in _lines(path)]
    entity_of = {row[1]: row[2] for row in rows if row[0] == "COREF"}
    seen = set()
    for row in rows:
        if row[0] == "MENTION":
            start, end = starts[int(row[2])] + int(row[3]), starts[int(row[4])] + int(row[5])
            if (start, end) not in seen:
                seen.add((start, end))
                mention = Mention(start, end, row[8], row[7], " ".join(words[start : end + 1]))
                yield mention, entity_of.get(row[1], f"alone-{row[1]}")


def _quotes(path: Path, starts: list[int]) -> Iterator[tuple[int, int, str]]:
    rows = [line.split("\t") for line in _lines(path)]
    speaker_of = {row[1]: row[2] for row in rows if row[0] == "ATTRIB"}
    for row in rows:
        if row[0] == "QUOTE":
            start, end = starts[int(row[2])] + int(row[3]), starts[int(row[4])] + int(row[5])
            yield start, end, speaker_of.get(row[1], "")


def _events(path: Path, words: list[str]) -> frozenset[int]:
    rows = [line.split("\t") for line in _lines(path)]
    if len(rows) != len(words):
        raise DataError(f"{path} has {len(rows)} words, and the same text has {len(words)} in coref/tsv")
    return frozenset(index for index, row in enumerate(rows) if row[1] == "EVENT")


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
