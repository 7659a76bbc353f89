"""What coreference knows of each mention: its first word, its last, and its words weighed by attention.

After `convert_data` of upstream's `litbank_coref.py` and `get_mention_reps` of `bert_coref_quote_pronouns.py`
(Lee et al., EMNLP 2017). Only the pieces of words in mentions go through the encoder's last layer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gpu_worker.engine import windows
from gpu_worker.engine.document import Mention, Token
from gpu_worker.engine.networks import CorefNetwork
from gpu_worker.engine.windows import Integers, Windows, mean_of_runs, to_device
from gpu_worker.engine.wordpiece import Pieces

#: How many pieces, padding included, are read at once.
_BUDGET = {"cpu": 4_096, "cuda": 65_536}

#: Upstream computes on so many windows at once, and adds an epsilon to its sums for each column of that batch.
_UPSTREAM_BATCH = 128
_EPSILON = 1e-8


@dataclass(frozen=True, slots=True)
class MentionVectors:
    """What was read of every mention, in their order."""

    #: `[mentions, 3 * hidden]`
    states: Tensor
    #: Words between each mention's first and last, `[mentions]`.
    widths: Integers


@dataclass(frozen=True, slots=True)
class _Places:
    """Where the mentions stand in the windows; words are counted from the window's first, `[mentions]` each."""

    window: Integers
    first: Integers
    last: Integers


def read(
    tokens: Sequence[Token],
    mentions: Sequence[Mention],
    network: CorefNetwork,
    *,
    compat: bool,
    advance: Callable[[float], None],
) -> MentionVectors:
    """Return the vectors of `mentions`, sorted by position; `advance` learns the share of the windows that is read.

    A mention that crosses the edge of a window is read up to that edge. With `compat`, its last word is the one at
    the same place in its first window as the true one has in the next, as upstream has it.
    """
    pieces = network.tokenizer.split_all([token.word for token in tokens])
    sentences = np.fromiter((token.sentence for token in tokens), np.int64, len(tokens))
    cut = windows.sentence_windows(sentences, pieces, carried=1)
    places = _places(cut, mentions, compat=compat)
    states = torch.empty(len(mentions), 3 * network.encoder.shape.hidden, device=network.encoder.device)
    epsilons = _epsilons(cut) if compat else np.zeros(len(cut))
    lengths = cut.lengths(pieces)
    occupied = np.unique(places.window)
    done = 0

    def read_batch(batch: Integers) -> None:
        own = _mentions_of(places, batch)
        states[to_device(own.numbers, states.device)] = _vectors(pieces, cut, batch, own, epsilons, network)

    order = occupied[np.argsort(lengths[occupied])]
    for count in windows.in_batches(order, lengths, _BUDGET[network.encoder.device.type], read_batch):
        done += count
        advance(done / len(order))
    return MentionVectors(states, np.abs(places.last - places.first))


@dataclass(frozen=True, slots=True)
class _Mentions:
    """The mentions of a batch of windows, `[mentions]` each."""

    numbers: Integers
    #: The window's place in the batch.
    rows: Integers
    first: Integers
    last: Integers


def _places(cut: Windows, mentions: Sequence[Mention], *, compat: bool) -> _Places:
    starts = np.array([mention.start for mention in mentions])
    ends = np.array([mention.end for mention in mentions])
    window = np.searchsorted(cut.starts, starts, side="right") - 1
    if compat:
        last_window = np.searchsorted(cut.starts, ends, side="right") - 1
        return _Places(window, starts - cut.starts[window], ends - cut.starts[last_window])
    return _Places(window, starts - cut.starts[window], np.minimum(ends, cut.ends[window] - 1) - cut.starts[window])


def _mentions_of(places: _Places, batch: Integers) -> _Mentions:
    begins = np.searchsorted(places.window, batch, side="left")
    counts = np.searchsorted(places.window, batch, side="right") - begins
    numbers = windows.spread(begins, counts)
    return _Mentions(numbers, np.repeat(np.arange(len(batch)), counts), places.first[numbers], places.last[numbers])


def _vectors(
    pieces: Pieces, cut: Windows, batch: Integers, own: _Mentions, epsilons: np.ndarray, network: CorefNetwork
) -> Tensor:
    """Return the vectors of the mentions of the windows `batch`, `[mentions, 3 * hidden]`."""
    needed = _needed(own, len(batch))
    rows, columns = np.nonzero(needed)
    words = _words(pieces, cut, batch, rows, columns, network)
    number = np.cumsum(needed).reshape(needed.shape) - 1
    first, last = number[own.rows, own.first], number[own.rows, own.last]
    widths = np.maximum(own.last - own.first + 1, 0)
    taken = to_device(windows.spread(first, widths), words.device)
    offsets = to_device(np.cumsum(widths) - widths, words.device)
    salience = network.salience(words)
    sums = functional.embedding_bag(taken, salience[:, None], offsets, mode="sum")[:, 0]
    sums += to_device(epsilons[batch[own.rows]].astype(np.float32), words.device)
    owner = to_device(np.repeat(np.arange(len(widths)), widths), words.device)
    weights = salience[taken] / sums[owner]
    attended = functional.embedding_bag(taken, words, offsets, mode="sum", per_sample_weights=weights)
    return torch.cat((words[to_device(first, words.device)], words[to_device(last, words.device)], attended), 1)


def _needed(own: _Mentions, rows: int) -> np.ndarray:
    """Return which words of each window some mention needs, `[windows, words]`."""
    width = int(max(own.first.max(), own.last.max())) + 2
    edges = np.zeros((rows, width), np.int64)
    forward = own.last >= own.first
    np.add.at(edges, (own.rows[forward], own.first[forward]), 1)
    np.add.at(edges, (own.rows[forward], own.last[forward] + 1), -1)
    needed = np.cumsum(edges, axis=1) > 0
    needed[own.rows, own.first] = True
    needed[own.rows, own.last] = True
    return needed


def _words(
    pieces: Pieces, cut: Windows, batch: Integers, rows: Integers, columns: Integers, network: CorefNetwork
) -> Tensor:
    """Return the words `columns` of the windows `rows` of the batch, `[words, hidden]`.

    The word after a window's last is `[SEP]`; words after that are zero.
    """
    device = network.encoder.device
    starts, counts = cut.starts[batch], cut.ends[batch] - cut.starts[batch]
    begins = pieces.offsets[starts]
    ids, lengths = windows.framed(
        pieces.ids,
        begins,
        pieces.offsets[cut.ends[batch]] - begins,
        first=network.tokenizer.id_of("[CLS]"),
        last=network.tokenizer.id_of("[SEP]"),
    )
    tokens = starts[rows] + np.minimum(columns, counts[rows])
    sizes = np.where(columns < counts[rows], np.append(pieces.counts, 1)[tokens], columns == counts[rows])
    firsts = (np.cumsum(lengths) - lengths + 1 - begins)[rows] + pieces.offsets[tokens]
    wanted = windows.spread(firsts, sizes)
    per_window = np.bincount(rows, weights=sizes, minlength=len(batch)).astype(np.int64)
    states = network.encoder.states_at(to_device(ids, device), lengths, to_device(wanted, device), per_window)
    return mean_of_runs(states, np.arange(len(wanted)), sizes).float()


def _epsilons(cut: Windows) -> np.ndarray:
    """Return what upstream adds to the sum of a mention's attention in each window."""
    sizes = cut.ends - cut.starts + 2
    batches = [sizes[start : start + _UPSTREAM_BATCH] for start in range(0, len(sizes), _UPSTREAM_BATCH)]
    return np.concatenate([np.full(len(batch), batch.max() * _EPSILON) for batch in batches])
