"""Where a novel's paragraphs begin, for a corpus that kept its words and lost its blank lines.

LitBank's tokens are laid along the original text, word by word; where they differ (a heading left out, another dash),
the next three words that both have in common bring the two together again.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

_BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")
_PART = re.compile(r"\w+|[^\w\s]")
#: Marks that LitBank and its originals write differently; each is one character, so that places stay what they are.
SAME = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "`": "'", "—": "-", "–": "-", "_": " "})
#: So many parts in a row must agree before the two texts count as together again, after at most so many that do not.
_RUN = 3
_MOST_SKIPPED = 400


@dataclass(frozen=True, slots=True)
class Alignment:
    """Each word's paragraph, counted from 0, and how much of the text they are known for."""

    paragraphs: list[int]
    #: The share of the words that were found in the original.
    aligned: float


def align(words: Sequence[str], original: str) -> Alignment:
    """Find the paragraph of each of `words` in `original`; a word that is not found goes with the one before it."""
    parts, owners = _parts(words)
    theirs, paragraph_of = _original_parts(original)
    found: dict[int, int] = {}
    for mine, other in _pairs(parts, theirs):
        found.setdefault(owners[mine], paragraph_of[other])
    paragraphs: list[int] = []
    now = min(found.values(), default=0)
    for index in range(len(words)):
        now = max(now, found.get(index, now))
        paragraphs.append(now)
    first = paragraphs[0] if paragraphs else 0
    return Alignment([paragraph - first for paragraph in paragraphs], len(found) / max(len(words), 1))


def _parts(words: Sequence[str]) -> tuple[list[str], list[int]]:
    pairs = [(part, index) for index, word in enumerate(words) for part in _split(word)]
    return [part for part, _ in pairs], [index for _, index in pairs]


def _original_parts(original: str) -> tuple[list[str], list[int]]:
    pairs = [(part, number) for number, text in enumerate(_BLANK_LINE.split(original)) for part in _split(text)]
    return [part for part, _ in pairs], [number for _, number in pairs]


def plain(text: str) -> str:
    """Return LitBank's words with the marks of its originals, of which it writes the double quotation mark as two."""
    return text.translate(SAME).replace("''", '"')


def _split(text: str) -> list[str]:
    return _PART.findall(plain(text))


def _pairs(mine: Sequence[str], theirs: Sequence[str]) -> list[tuple[int, int]]:
    """Return the places of parts that stand for each other, in order."""
    runs: dict[tuple[str, ...], list[int]] = {}
    for place in range(len(theirs) - _RUN + 1):
        runs.setdefault(tuple(theirs[place : place + _RUN]), []).append(place)
    pairs = []
    i = j = 0
    while i < len(mine) and j < len(theirs):
        if mine[i] == theirs[j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
            continue
        together = _together_again(mine, runs, i, j)
        if together is None:
            break
        i, j = together
    return pairs


def _together_again(
    mine: Sequence[str], runs: dict[tuple[str, ...], list[int]], i: int, j: int
) -> tuple[int, int] | None:
    """Return the nearest places from `i` and `j` on at which both texts go on alike."""
    best: tuple[int, int, int] | None = None
    for skipped in range(_MOST_SKIPPED):
        if best is not None and skipped >= best[0]:
            break
        places = runs.get(tuple(mine[i + skipped : i + skipped + _RUN]), [])
        at = bisect_left(places, j)
        if at < len(places):
            distance = skipped + places[at] - j
            if best is None or distance < best[0]:
                best = distance, i + skipped, places[at]
    return None if best is None else best[1:]
