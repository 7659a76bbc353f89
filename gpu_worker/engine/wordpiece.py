"""Word-piece tokenisation as BookNLP's models were trained with: greedy, longest match first, one word at a time.

BookNLP feeds its uncased models through the slow `BertTokenizer` with `do_lower_case=False,
do_basic_tokenize=False`: no splitting at punctuation, no stripping of accents, and `[CAP]` before the lower-cased
form of a capitalised word (`entity_tagger.py`, `litbank_coref.py`, `bert_qa.py`). A tokeniser that splits `mr.`
into `mr` and `.` would give the models pieces that they have never seen.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: A word of more characters is one unknown piece (as in BERT), which also bounds the work per word.
LONGEST_WORD = 100

#: A word with more pieces, which takes the names of special tokens in it, is one unknown piece too: none may be
#: longer than what an encoder reads at once.
MOST_PIECES = 256

#: So many distinct words are remembered, those of some long novels, before all are forgotten.
_MOST_REMEMBERED = 100_000

#: The piece that tells an uncased model that the next word was capitalised.
CAPITALISED = "[CAP]"

#: The tokens that every vocabulary of BERT holds.
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@dataclass(frozen=True, slots=True)
class Pieces:
    """The pieces of a sequence of words, end to end."""

    #: Vocabulary ids, `[pieces]`.
    ids: NDArray[np.int64]
    #: Where each word's pieces begin, and one past the last: `[words + 1]`.
    offsets: NDArray[np.int64]

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many pieces each word has, `[words]`."""
        return np.diff(self.offsets)


class WordPiece:
    """Splits words into vocabulary ids; every distinct word of a text is split once."""

    def __init__(self, vocabulary: Mapping[str, int], added: Mapping[str, int]) -> None:
        self._vocabulary = vocabulary
        self._added = {**{token: vocabulary[token] for token in SPECIAL}, **added}
        self._added_pattern = re.compile("(" + "|".join(map(re.escape, self._added)) + ")")
        self._unknown = vocabulary["[UNK]"]
        self._cache: dict[str, tuple[int, ...]] = {}

    def id_of(self, token: str) -> int:
        """Return the id of a special or added token, such as `[CLS]`."""
        return self._added[token]

    def split(self, word: str) -> tuple[int, ...]:
        """Return the ids of the pieces of `word`; white space separates, and special tokens stand for themselves."""
        cached = self._cache.get(word)
        if cached is None:
            pieces = tuple(self._pieces(word))
            cached = self._cache[word] = pieces if len(pieces) <= MOST_PIECES else (self._unknown,)
        return cached

    def split_all(self, words: Sequence[str], *, lower: bool = False) -> Pieces:
        """Return the pieces of `words`, capitalised ones marked by `[CAP]` and lower-cased.

        With `lower`, words that are not capitalised are lower-cased too, as BookNLP's speaker model has it.
        """
        if len(self._cache) > _MOST_REMEMBERED:
            self._cache.clear()
        forms: dict[str, int] = {}
        which = np.fromiter((forms.setdefault(word, len(forms)) for word in words), np.int64, len(words))
        pieces = [self.split(_uncased(form, lower=lower)) for form in forms]
        counts = np.fromiter(map(len, pieces), np.int64, len(pieces))
        flat = np.fromiter((piece for form in pieces for piece in form), np.int64, int(counts.sum()))
        starts = np.concatenate(([0], np.cumsum(counts)))
        offsets = np.concatenate(([0], np.cumsum(counts[which])))
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], counts[which])
        return Pieces(flat[np.repeat(starts[which], counts[which]) + within], offsets)

    def _pieces(self, text: str) -> Iterable[int]:
        for part in self._added_pattern.split(text) if "[" in text else (text,):
            if part in self._added:
                yield self._added[part]
            else:
                for word in part.split():
                    yield from self._longest_matches(word)

    def _longest_matches(self, word: str) -> Sequence[int]:
        if len(word) > LONGEST_WORD:
            return (self._unknown,)
        found: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                piece = self._vocabulary.get(prefix + word[start:end])
                if piece is not None:
                    found.append(piece)
                    start = end
                    break
            else:
                return (self._unknown,)
        return found


def _uncased(word: str, *, lower: bool) -> str:
    if word[0].lower() != word[0]:
        return f"{CAPITALISED} {word.lower()}"
    return word.lower() if lower else word
