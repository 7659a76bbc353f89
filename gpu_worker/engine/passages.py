"""spaCy over a text of any length: overlapping passages are parsed apart and joined where the parses agree.

The parser is greedy and looks only a few tokens ahead, its token vectors see four neighbours to each side, and
at a sentence break its stack is empty. So from the first sentence on that two parses of overlapping passages
share, both say what one parse of the whole text says; memory stays that of a passage.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np

from gpu_worker.engine.errors import UnreadableText
from gpu_worker.engine.shared_parsing import parse_all
from gpu_worker.engine.syntax import Parse, join, parse_passage

if TYPE_CHECKING:
    from spacy.language import Language

    from gpu_worker.engine.parser_process import ParserProcess

#: The most tokens of one text; `MAX_CHARACTERS` of prose have fewer. Later stages need about 5 GB a million.
MAX_TOKENS = 2_500_000

#: Characters of one passage without its overlaps: about half a second of spaCy, so that a stop is soon heard.
PASSAGE = 20_000
#: Characters that a passage shares with the one before it, tried in this order until their parses agree.
OVERLAPS = (1_000, 4_000, 19_000)
#: Tokens before a passage's end whose parse may still change with what follows.
LOOKAHEAD = 16

_WORD_START = re.compile(r"(?<=\s)\S")


def cut(text: str) -> Iterator[tuple[int, int]]:
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


def parse(
    nlp: "Language", text: str, advance: Callable[[float], None], others: "Sequence[ParserProcess]" = ()
) -> Parse:
    """Parse the whole `text`, passage by passage, some of them in `others`, the processes that parse beside this one.

    Memory beyond the result is that of a few passages. `advance` hears the share of the text that is parsed.
    Raises `UnreadableText` above `MAX_TOKENS`, such as a few million emoji have.
    """
    joined: list[Parse] = []
    places = list(cut(text))
    done = 0
    with closing(parse_all(nlp, [_overlapping(text, *place) for place in places], others)) as parses:
        for passage in parses:
            if passage is not None:
                start, done = places[len(joined)]
                if sum(map(len, joined)) + len(passage) > MAX_TOKENS:
                    raise UnreadableText(
                        f"the text has more than {MAX_TOKENS:,} words and marks, {done:,} characters into it: "
                        "split it, for example at its chapters"
                    )
                if joined:
                    joined[-1], passage = _mend(nlp, text, joined[-1], passage, start, done)
                joined.append(passage)
            advance(done / len(text))
    return join(joined)


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
        if _holds_a_sentence(before, begin):
            after = parse_passage(nlp, text[begin:end], begin)
    # No sentence of almost a whole passage is parsed alike: prose has no such sentence, endless rows of marks may.
    seam = _seam(before, after) or (len(before), int(np.searchsorted(after.onsets, start)))
    return before.rows(0, seam[0]), after.rows(seam[1], len(after))


def _holds_a_sentence(parse: Parse, begin: int) -> bool:
    """Tell whether a whole sentence lies behind character `begin`; rows without one would be parsed again in vain."""
    first = int(np.searchsorted(parse.onsets, begin))
    return int(parse.sentence_starts[first : len(parse) - LOOKAHEAD].sum()) > 1


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
