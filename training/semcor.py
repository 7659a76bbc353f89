"""SemCor 1.6 (Miller et al., 1993): Brown texts with WordNet senses, here as spans of lexicographer classes.

`semcor.tsv.gz` has a sentence a line: the text's name, then `word UPOS tag` for each word, parted by tabs; tags are
`B-`/`I-` and a class such as `noun.person`, or `O`.
"""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from gpu_worker.engine.document import Token
from training.errors import DataError
from training.litbank import tokens_of

#: Texts that nothing is trained on, drawn at random once.
DEV = frozenset(["br-d02", "br-e02", "br-e24", "br-e30", "br-e31", "br-g16", "br-h13", "br-l08", "br-m02", "br-p09"])
TEST = frozenset(
    {
        *("br-f10", "br-f19", "br-g12", "br-g20", "br-h09", "br-j04", "br-j14", "br-j15", "br-j17"),
        *("br-j18", "br-j34", "br-j37", "br-j41", "br-j56", "br-k02", "br-l18", "br-n20", "br-r05"),
    }
)

#: `(first token, last token, class)`.
Span = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class BrownText:
    """One text of the Brown corpus and its supersenses."""

    name: str
    #: With their part of speech.
    tokens: list[Token]
    #: Each token's tag.
    tags: list[str]

    def spans(self) -> Iterator[Span]:
        """Yield the spans that the tags mark."""
        start: int | None = None
        for index, tag in enumerate([*self.tags, "O"]):
            if start is not None and tag != f"I-{self.tags[start][2:]}":
                yield start, index - 1, self.tags[start][2:]
                start = None
            if start is None and tag != "O":
                start = index


def read_split(folder: Path, split: str) -> list[BrownText]:
    """Return the texts of `train`, `dev` or `test`; raises `DataError` for a folder that is not SemCor."""
    sentences: dict[str, list[list[list[str]]]] = {}
    try:
        with gzip.open(folder / "semcor.tsv.gz", "rt", encoding="utf-8") as file:
            for line in file:
                name, *words = line.rstrip("\n").split("\t")
                sentences.setdefault(name, []).append([word.split(" ") for word in words])
        return [_text(name, sentences[name]) for name in sorted(sentences) if _split_of(name) == split]
    except (OSError, EOFError, zlib.error, ValueError, IndexError) as error:
        raise DataError(f"{folder} does not hold SemCor: {error}") from error


def _split_of(name: str) -> str:
    return "test" if name in TEST else "dev" if name in DEV else "train"


def _text(name: str, sentences: list[list[list[str]]]) -> BrownText:
    rows = [row for sentence in sentences for row in sentence]
    tokens = tokens_of([[row[0] for row in sentence] for sentence in sentences], [0] * len(rows))
    tagged = [replace(token, pos=row[1]) for token, row in zip(tokens, rows, strict=True)]
    return BrownText(name, tagged, [row[2] for row in rows])
