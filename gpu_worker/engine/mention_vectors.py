"""What coreference knows of each mention: its first word, its last, and its words weighed by attention.

After `convert_data` of upstream's `litbank_coref.py` and `get_mention_reps` of `bert_coref_quote_pronouns.py`
(Lee et al., EMNLP 2017). Only the pieces of words in mentions go through the encoder's last layer; and where the
tagger reads the same windows with the same encoder, its states serve and nothing is read twice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from gpu_worker.engine import batches, windows
from gpu_worker.engine.document import Mention, Token
from gpu_worker.engine.networks import CorefNetwork
from gpu_worker.engine.windows import Integers, Windows, mean_of_runs, to_device

#: Upstream computes on so many windows at once, and adds an epsilon to its sums for each column of that batch.
_UPSTREAM_BATCH = 128
_EPSILON = 1e-8

#: Takes places among a batch's pieces, and how many of them each window has; gives their states.
_Pick = Callable[[Integers, Integers], Tensor]


@dataclass(frozen=True, slots=True)
class MentionVectors:
    """What was read of every mention, in their order."""

    #: `[mentions, 3 * hidden]`
    states: Tensor
    #: Words between each mention's first and last, `[mentions]`.
    widths: Integers


@dataclass(frozen=True, slots=True)
class _Places:
    """Where mentions stand; words are counted from a window's first, `[mentions]` each."""

    #: Their own numbers.
    numbers: Integers
    #: Windows, by number in the document or by place in a batch.
    window: Integers
    first: Integers
    last: Integers

    def of(self, batch: Integers) -> "_Places":
        """Return those of the windows `batch`, by their place in it; the mentions must be sorted."""
        begins = np.searchsorted(self.window, batch, side="left")
        counts = np.searchsorted(self.window, batch, side="right") - begins
        chosen = windows.spread(begins, counts)
        places = np.repeat(np.arange(len(batch)), counts)
        return _Places(self.numbers[chosen], places, self.first[chosen], self.last[chosen])


class MentionReader:
    """One document, as coreference's encoder reads it."""

    def __init__(self, tokens: Sequence[Token], network: CorefNetwork, *, compat: bool) -> None:
        """Cut the document into windows, the tagger's own.

        A mention that crosses the edge of a window is read up to that edge. With `compat`, windows after the first
        hold one piece less, so mentions do cross edges, and the last word of one that does is the one at the same place
        in its first window as the true one has in the next, as upstream has it.
        """
        self._network = network
        self._compat = compat
        self._pieces = network.tokenizer.split_all([token.word for token in tokens])
        sentences = np.fromiter((token.sentence for token in tokens), np.int64, len(tokens))
        self._windows = windows.sentence_windows(sentences, self._pieces, carried=int(compat))
        self._epsilons = _epsilons(self._windows) if compat else np.zeros(len(self._windows))
        self._number = {
            span: number
            for number, span in enumerate(zip(self._windows.starts.tolist(), self._windows.ends.tolist(), strict=True))
        }
        #: What was offered: vectors in blocks `[mentions, 3 * hidden]`, and in which row of all blocks each span's is.
        self._blocks: list[Tensor] = []
        self._row_of: dict[tuple[int, int], int] = {}
        self._offering = Lock()
        #: The mentions that were read last, and their vectors.
        self._read: tuple[Sequence[Mention], MentionVectors] | None = None

    def offer(self, mentions: Sequence[Mention], cut: Windows, lengths: Integers, states: Tensor) -> None:
        """Keep the vectors of `mentions`, sorted, in those windows of `cut` that are coreference's own too.

        `states` `[pieces, hidden]` are the encoder's last, of all of `cut` end to end, `lengths` their pieces.
        """
        numbers = [self._number.get(span, -1) for span in zip(cut.starts.tolist(), cut.ends.tolist(), strict=True)]
        own = np.flatnonzero(np.array(numbers, np.int64) >= 0)
        batch = np.array(numbers, np.int64)[own]
        order = np.argsort(batch)
        own, batch = own[order], batch[order]
        bases = (np.cumsum(lengths) - lengths)[own]
        places = self._places(mentions).of(batch)
        if len(places.numbers) == 0:
            return
        vectors = self._vectors(batch, bases, places, lambda wanted, _: states[to_device(wanted, states.device)])
        spans = [(mentions[number].start, mentions[number].end) for number in places.numbers.tolist()]
        with self._offering:
            first = sum(map(len, self._blocks))
            self._blocks.append(vectors)
            self._row_of.update(zip(spans, range(first, first + len(spans)), strict=True))

    def read(self, mentions: Sequence[Mention], advance: Callable[[float], None]) -> MentionVectors:
        """Return the vectors of `mentions`, sorted by position; `advance` learns the share that is read.

        The same list is read once.
        """
        if self._read is not None and self._read[0] is mentions:
            return self._read[1]
        encoder = self._network.encoder
        places = self._places(mentions)
        states = torch.empty(len(mentions), 3 * encoder.shape.hidden, device=encoder.device)
        missing = self._recalled(mentions, states)
        left = _Places(missing, places.window[missing], places.first[missing], places.last[missing])
        lengths = self._windows.lengths(self._pieces)
        occupied = np.unique(left.window)
        order = occupied[np.argsort(lengths[occupied])]

        def read_batch(batch: Integers) -> None:
            ids, sizes = self._ids(batch)

            def pick(wanted: Integers, counts: Integers) -> Tensor:
                device = encoder.device
                return encoder.states_at(to_device(ids, device), sizes, to_device(wanted, device), counts)

            own = left.of(batch)
            vectors = self._vectors(batch, np.cumsum(sizes) - sizes, own, pick)
            states[to_device(own.numbers, states.device)] = vectors

        done = 0
        for batch in batches.run_all(order, lengths, encoder.device, read_batch):
            done += len(batch)
            advance(done / len(order))
        self._blocks, self._row_of = [], {}
        vectors = MentionVectors(states, np.abs(places.last - places.first))
        self._read = mentions, vectors
        return vectors

    def _recalled(self, mentions: Sequence[Mention], states: Tensor) -> Integers:
        """Put what was offered of `mentions` into their `states`; return the numbers of those that were not.

        Mentions of one span, which the layers of nesting may tag twice, share a row.
        """
        rows = np.array([self._row_of.get((mention.start, mention.end), -1) for mention in mentions], np.int64)
        first = 0
        for block in self._blocks:
            here = np.flatnonzero((rows >= first) & (rows < first + len(block)))
            states[to_device(here, states.device)] = block[to_device(rows[here] - first, states.device)]
            first += len(block)
        return np.flatnonzero(rows < 0)

    def _places(self, mentions: Sequence[Mention]) -> _Places:
        cut = self._windows
        starts = np.array([mention.start for mention in mentions], np.int64)
        ends = np.array([mention.end for mention in mentions], np.int64)
        window = np.searchsorted(cut.starts, starts, side="right") - 1
        last_window = np.searchsorted(cut.starts, ends, side="right") - 1 if self._compat else window
        last = (ends if self._compat else np.minimum(ends, cut.ends[window] - 1)) - cut.starts[last_window]
        return _Places(np.arange(len(mentions)), window, starts - cut.starts[window], last)

    def _ids(self, batch: Integers) -> tuple[Integers, Integers]:
        begins = self._pieces.offsets[self._windows.starts[batch]]
        tokenizer = self._network.tokenizer
        return windows.framed(
            self._pieces.ids,
            begins,
            self._pieces.offsets[self._windows.ends[batch]] - begins,
            first=tokenizer.id_of("[CLS]"),
            last=tokenizer.id_of("[SEP]"),
        )

    def _vectors(self, batch: Integers, bases: Integers, own: _Places, pick: _Pick) -> Tensor:
        """Return the vectors of the mentions `own`, `[mentions, 3 * hidden]`; `bases` are the windows' first pieces."""
        needed = _needed(own, len(batch))
        rows, columns = np.nonzero(needed)
        wanted, sizes = self._word_pieces(batch, bases, rows, columns)
        counts = np.bincount(rows, weights=sizes, minlength=len(batch)).astype(np.int64)
        words = mean_of_runs(pick(wanted, counts), np.arange(len(wanted)), sizes).float()
        number = np.cumsum(needed).reshape(needed.shape) - 1
        first, last = number[own.window, own.first], number[own.window, own.last]
        widths = np.maximum(own.last - own.first + 1, 0)
        attended = self._attended(words, first, widths, self._epsilons[batch[own.window]])
        return torch.cat((words[to_device(first, words.device)], words[to_device(last, words.device)], attended), 1)

    def _attended(self, words: Tensor, first: Integers, widths: Integers, epsilons: NDArray[np.float64]) -> Tensor:
        """Return the words of each mention, weighed by how salient they are; a mention without words is zero."""
        device = words.device
        taken = to_device(windows.spread(first, widths), device)
        offsets = to_device(np.cumsum(widths) - widths, device)
        salience = self._network.salience(words)
        sums = functional.embedding_bag(taken, salience[:, None], offsets, mode="sum")[:, 0]
        sums += to_device(epsilons.astype(np.float32), device)
        owner = to_device(np.repeat(np.arange(len(widths)), widths), device)
        weights = salience[taken] / sums[owner]
        return functional.embedding_bag(taken, words, offsets, mode="sum", per_sample_weights=weights)

    def _word_pieces(
        self, batch: Integers, bases: Integers, rows: Integers, columns: Integers
    ) -> tuple[Integers, Integers]:
        """Return the pieces of the words `columns` of the windows `rows` of the batch, and how many each word has.

        The word after a window's last is `[SEP]`; words after that have no piece.
        """
        starts = self._windows.starts[batch]
        words = (self._windows.ends[batch] - starts)[rows]
        tokens = starts[rows] + np.minimum(columns, words)
        sizes = np.where(columns < words, np.append(self._pieces.counts, 1)[tokens], columns == words)
        firsts = (bases + 1 - self._pieces.offsets[starts])[rows] + self._pieces.offsets[tokens]
        return windows.spread(firsts, sizes), sizes


def _needed(own: _Places, rows: int) -> NDArray[np.bool_]:
    """Return which words of each window some mention needs, `[windows, words]`."""
    width = int(max(own.first.max(), own.last.max())) + 2
    edges = np.zeros((rows, width), np.int64)
    forward = own.last >= own.first
    np.add.at(edges, (own.window[forward], own.first[forward]), 1)
    np.add.at(edges, (own.window[forward], own.last[forward] + 1), -1)
    needed = np.cumsum(edges, axis=1) > 0
    needed[own.window, own.first] = True
    needed[own.window, own.last] = True
    return needed


def _epsilons(cut: Windows) -> NDArray[np.float64]:
    """Return what upstream adds to the sum of a mention's attention in each window."""
    sizes = cut.ends - cut.starts + 2
    batches = [sizes[start : start + _UPSTREAM_BATCH] for start in range(0, len(sizes), _UPSTREAM_BATCH)]
    return np.concatenate([np.full(len(batch), batch.max() * _EPSILON) for batch in batches])
