"""The surroundings of quotes: a text with every quote folded into one token, the windows cut from it, the candidates.

After upstream's `QuotationAttribution` (`english/bert_qa.py`), whose limits and order these are.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpu_worker.engine import windows
from gpu_worker.engine.document import Mention, Quote, Token
from gpu_worker.engine.networks import SpeakerNetwork
from gpu_worker.engine.windows import Integers

#: How many words outside of quotes a window reaches to either side, and how many pieces until it must end.
_REACH = 50
_MOST_PIECES_BEFORE, _MOST_PIECES = 350, 475

#: How many of the nearest candidates are scored.
_MOST_CANDIDATES = 10

#: The category of mentions that can speak.
PERSON = "PER"


@dataclass(frozen=True, slots=True, order=True)
class Candidate:
    """A possible speaker; orders as upstream sorts: the nearest first, then by place in the window."""

    #: To the quote, in tokens.
    distance: int
    #: First and last item of the window, counted in the whole document.
    first_item: int
    last_item: int
    is_quote: bool
    #: The mention's first and last token, or those of the quote that stands for its speaker.
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Window:
    """A quote in its surroundings; all places are pieces of the folded document."""

    #: Which quote, by its index.
    quote: int
    start: int
    end: int
    #: The piece that stands for the quote.
    mark: int
    candidates: Sequence[Candidate]
    #: First piece of each candidate, and how many it has.
    firsts: Integers
    counts: Integers


class Folded:
    """The document with its quotes folded, as a run of items: paragraph marks, words, and marks of quotes."""

    def __init__(
        self, quotes: Sequence[Quote], mentions: Sequence[Mention], tokens: Sequence[Token], network: SpeakerNetwork
    ) -> None:
        self._quotes = quotes
        split = network.tokenizer.split_all([token.word for token in tokens], lower=True)
        outside = np.ones(len(tokens), np.int64)
        for quote in quotes:
            outside[quote.start : quote.end + 1] = 0
        marks = np.zeros(len(tokens), np.int64)
        marks[[quote.end for quote in quotes]] = 1
        paragraphs = np.fromiter((token.paragraph for token in tokens), np.int64, len(tokens))
        breaks = np.diff(paragraphs, prepend=paragraphs[:1]) != 0
        counts = split.counts
        self._paragraphs = paragraphs
        self._counts = counts
        self._most = int(counts.max(initial=0))
        self._breaks = breaks.astype(np.int64)
        #: Sums over the tokens before each: words outside of quotes, paragraph breaks, pieces, items.
        self._outside = _sums(outside)
        self._breaks_before = _sums(self._breaks)
        self._sizes = _sums(counts * outside + marks)
        self._pieces = _sums(counts * outside + marks + self._breaks)
        self._items = _sums(outside + marks + self._breaks)
        self.pieces = self._fold(split.ids, outside, marks, network)
        self._quote_ends = [quote.end for quote in quotes]
        self._people = sorted({(m.start, m.end) for m in mentions if m.category == PERSON and outside[m.start]})
        self._people_starts = [start for start, _ in self._people]

    def _fold(self, ids: Integers, outside: Integers, marks: Integers, network: SpeakerNetwork) -> Integers:
        pieces = np.empty(self._pieces[-1], np.int64)
        pieces[self._pieces[:-1][self._breaks > 0]] = network.tokenizer.id_of("[PAR]")
        pieces[self._pieces[1:][marks > 0] - 1] = network.tokenizer.id_of("[ALTQUOTE]")
        sizes = self._counts * outside
        places = windows.spread(self._pieces[:-1] + self._breaks, sizes)
        pieces[places] = ids[np.repeat(outside > 0, self._counts)]
        return pieces

    def window(self, index: int) -> Window | None:
        """Return the window around a quote, None where it holds no candidate."""
        quote = self._quotes[index]
        start, end = self._extent(quote.end)
        candidates = sorted(self._candidates(index, start, end))[:_MOST_CANDIDATES]
        if not candidates:
            return None
        candidates = [c for c in candidates if not (c.is_quote and self._breaks[c.end] and c.end != start)]
        firsts = [
            self._pieces[c.end + 1] - 1 if c.is_quote else self._pieces[c.start] + self._breaks[c.start]
            for c in candidates
        ]
        ends = [self._pieces[c.end + 1] for c in candidates]
        return Window(
            index,
            int(self._pieces[start] + self._breaks[start]),
            int(self._pieces[end]),
            int(self._pieces[quote.end + 1] - 1),
            candidates,
            np.array(firsts, np.int64),
            np.array(ends, np.int64) - np.array(firsts, np.int64),
        )

    def _candidates(self, index: int, start: int, end: int) -> list[Candidate]:
        quote = self._quotes[index]
        found = []
        for other in self._quotes[bisect_left(self._quote_ends, start) : bisect_left(self._quote_ends, quote.end)]:
            distance = min(abs(other.end - quote.start), abs(other.start - quote.end))
            item = int(self._items[other.end] + (self._breaks[other.end] if other.end == start else 0))
            found.append(Candidate(distance, item, item, True, other.start, other.end))
        for person in range(bisect_left(self._people_starts, start), bisect_left(self._people_starts, end)):
            first, last = self._people[person]
            if last < end:
                distance = min(abs(last - quote.start), abs(first - quote.end))
                first_item = int(self._items[first] + self._breaks[first])
                found.append(Candidate(distance, first_item, int(self._items[last + 1] - 1), False, first, last))
        return found

    def _extent(self, last: int) -> tuple[int, int]:
        """Return the tokens, from the first to one past the last, of the window around the quote that ends at `last`.

        A step away from the quote is taken while fewer than `_REACH` words outside of quotes have been passed, and
        the pieces passed, with those of the next word, stay below the limit.
        """
        start = self._first(last)
        passed = self._passed_before(last, start)
        end = self._first_beyond(last, passed, int(self._paragraphs[last] != self._paragraphs[start]))
        return start, max(end - 1, last + 1)

    def _passed_before(self, last: int, start: int) -> int:
        """Return the pieces passed on the way from `last` back to `start`, both included."""
        breaks = self._breaks_before[last + 1] - self._breaks_before[start + 1]
        return int(self._sizes[last + 1] - self._sizes[start] + breaks + 1)

    def _first(self, last: int) -> int:
        limit = self._outside[last + 1] - _REACH
        start = max(int(np.searchsorted(self._outside, limit, side="right")) - 1, 0)
        if start == last or self._passed_before(last, start + 1) + self._most < _MOST_PIECES_BEFORE:
            return start
        tokens = np.arange(start, last)
        breaks = self._breaks_before[last + 1] - self._breaks_before[tokens + 2]
        passed = self._sizes[last + 1] - self._sizes[tokens + 1] + breaks + 1
        refused = np.flatnonzero(passed + self._counts[tokens] >= _MOST_PIECES_BEFORE)
        return int(tokens[refused[-1]]) + 1 if len(refused) else start

    def _first_beyond(self, last: int, passed: int, turn: int) -> int:
        """Return the first token not passed, from `last` on; `turn` is 1 where the way back changed paragraph."""
        total = len(self._counts)
        end = min(int(np.searchsorted(self._outside, self._outside[last] + _REACH, side="left")), total)
        reached = (
            passed + turn + self._sizes[end] - self._sizes[last] + self._breaks_before[end] - self._breaks_before[last]
        )
        if reached + self._most < _MOST_PIECES:
            return end
        tokens = np.arange(last, end)
        breaks = np.where(tokens > last, turn + self._breaks_before[tokens] - self._breaks_before[last + 1], 0)
        sizes = passed + self._sizes[tokens] - self._sizes[last] + breaks
        refused = np.flatnonzero(sizes + self._counts[tokens] >= _MOST_PIECES)
        return int(tokens[refused[0]]) if len(refused) else end


def _sums(values: Integers) -> Integers:
    sums: Integers = np.concatenate(([0], np.cumsum(values)))
    return sums
