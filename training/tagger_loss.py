"""What the tagger's three tasks lose on some windows of a text.

Words are made of pieces, and nested layers fed, as `gpu_worker.engine.tagging` does it, except that each layer sees
the true spans of the one before (teacher forcing) instead of those that it found.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gpu_worker.engine import bio, windows
from gpu_worker.engine.document import Mention
from gpu_worker.engine.networks import TaggerNetwork
from gpu_worker.engine.windows import Integers, mean_of_runs
from gpu_worker.engine.wordpiece import Pieces
from training import crf

LAYERS = 3
_DROPOUT, _EVENT_DROPOUT = 0.2, 0.5


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive windows of one text, as the networks read them."""

    #: The first token of each window and one past its last, `[windows]`; the next begins where one ends.
    starts: Integers
    ends: Integers
    #: All pieces, framed by `[CLS]` and `[SEP]`, and how many each window has.
    ids: Integers
    lengths: Integers
    #: The pieces of each word of a window, then those of `[SEP]`: 1; `[windows, longest]`.
    sizes: Integers

    @classmethod
    def of(cls, starts: Integers, ends: Integers, pieces: Pieces, *, first: int, last: int) -> "Stretch":
        """Frame windows of a text's `pieces` by the ids `first` and `last`."""
        begins = pieces.offsets[starts]
        ids, lengths = windows.framed(pieces.ids, begins, pieces.offsets[ends] - begins, first=first, last=last)
        counts = ends - starts
        sizes = np.zeros((len(starts), int(counts.max()) + 1), np.int64)
        sizes[np.arange(sizes.shape[1]) < counts[:, None]] = pieces.counts[starts[0] : ends[-1]]
        sizes[np.arange(len(sizes)), counts] = 1
        return cls(starts, ends, ids, lengths, sizes)

    @property
    def counts(self) -> Integers:
        """How many words each window has, `[windows]`."""
        return self.ends - self.starts

    def spread(self, values: Integers, padding: int) -> Integers:
        """Return the values of a text's tokens as `[windows, longest]`, with `padding` on `[SEP]` and beyond."""
        spread = np.full(self.sizes.shape, padding)
        spread[np.arange(len(spread.T)) < self.counts[:, None]] = values[self.starts[0] : self.ends[-1]]
        return spread


def read(network: TaggerNetwork, stretch: Stretch) -> Tensor:
    """Return the words of the windows, `[longest, windows, features]`; the encoder's last layer comes first."""
    encoder = network.encoder
    ids = windows.to_device(stretch.ids, encoder.device)
    states = encoder.states(ids, stretch.lengths, last=network.layers_read)
    after_cls = np.cumsum(stretch.lengths) - stretch.lengths + 1
    firsts = np.cumsum(stretch.sizes, axis=1) - stretch.sizes + after_cls[:, None]
    sizes = stretch.sizes.T.ravel()
    taken = windows.spread(firsts.T.ravel(), sizes)
    words = mean_of_runs(torch.cat(states, 1).float(), taken, sizes)
    return words.view(stretch.sizes.shape[1], len(stretch.starts), -1)


def entity_loss(network: TaggerNetwork, words: Tensor, counts: Integers, layers: Sequence[Integers]) -> Tensor:
    """Return the mean loss a word; `layers` holds the tags of each layer of nesting, `[windows, longest]`."""
    outside = network.entity_tags.outside
    emissions, tags, lengths = [], [], []
    inputs, left = words, counts
    firsts = np.broadcast_to(np.arange(layers[0].shape[1]), layers[0].shape)
    for lstm, scores, gold in zip(network.entity_lstms, network.entity_scores, layers, strict=True):
        states = lstm(functional.dropout(inputs, _DROPOUT), left + 1)
        own = np.take_along_axis(gold, firsts, axis=1)
        own = np.where(np.arange(own.shape[1]) < left[:, None], own, outside)
        emissions.append(scores(states))
        tags.append(own)
        lengths.append(left)
        groups = bio.merged(network.entity_tags.continues(own))
        inputs = _merge(states, groups, left + 1)
        firsts = _first_of_each(groups, firsts)
        left = groups[np.arange(len(left)), left - 1] + 1
    loss = crf.negative_log_likelihood(
        torch.cat(emissions, 1), np.concatenate(tags), np.concatenate(lengths), network.entity_crf.transitions
    )
    return loss / int(counts.sum())


def event_loss(network: TaggerNetwork, words: Tensor, counts: Integers, events: Integers) -> Tensor:
    """Return the mean loss a word; `events` `[windows, longest]` is 1 where one stands. `[SEP]` is none."""
    states = network.event_lstm(functional.dropout(words, _DROPOUT), counts + 1)
    scores = network.event_scores(functional.dropout(states, _EVENT_DROPOUT))
    gold = np.where(np.arange(events.shape[1]) <= counts[:, None], events, -100)
    return functional.cross_entropy(scores.flatten(0, 1), windows.to_device(gold.T.ravel(), scores.device))


def supersense_loss(
    network: TaggerNetwork, words: Tensor, counts: Integers, tags: Integers, senses: Integers
) -> Tensor:
    """Return the mean loss a word; `senses` `[windows, longest]` are the words' first senses in WordNet."""
    known = network.wordnet[windows.to_device(senses.T.copy(), words.device)]
    states = network.supersense_lstm(functional.dropout(torch.cat((words, known), 2), _DROPOUT), counts + 1)
    scores = network.supersense_scores(states)
    loss = crf.negative_log_likelihood(scores, tags, counts, network.supersense_crf.transitions)
    return loss / int(counts.sum())


def nested_tags(mentions: Sequence[Mention], tokens: int, names: Sequence[str]) -> Integers:
    """Return the tags of each layer of nesting, `[LAYERS, tokens]`; a span lies above those that it overlaps.

    Spans that would need a further layer are left out. `names` are the tags in the order of their numbers.
    """
    number = {name: index for index, name in enumerate(names)}
    layers = np.full((LAYERS, tokens), number["O"])
    free = np.zeros(tokens, np.int64)
    for mention in sorted(mentions, key=lambda mention: (mention.end - mention.start, mention.start)):
        span = slice(mention.start, mention.end + 1)
        layer = int(free[span].max())
        free[span] = layer + 1
        if layer < LAYERS:
            layers[layer, span] = number[f"I-{mention.label}"]
            layers[layer, mention.start] = number[f"B-{mention.label}"]
    return layers


def _merge(states: Tensor, groups: Integers, steps: Integers) -> Tensor:
    """Return the mean state of each group, `[longest, windows, features]`, zero where there is no group."""
    rows, longest = groups.shape
    real = np.arange(longest) < steps[:, None]
    places = (np.arange(rows)[:, None] * longest + groups)[real]
    sizes = np.bincount(places, minlength=rows * longest).reshape(rows, longest)
    by_window = states.transpose(0, 1)[torch.from_numpy(real).to(states.device)]
    merged = mean_of_runs(by_window, np.arange(len(places)), sizes.ravel())
    return merged.view(rows, longest, -1).transpose(0, 1)


def _first_of_each(groups: Integers, firsts: Integers) -> Integers:
    """Return for each group the first word of its first step."""
    first_step = np.zeros_like(groups)
    begins = np.diff(groups, axis=1, prepend=-1) > 0
    rows, steps = np.nonzero(begins)
    first_step[rows, groups[rows, steps]] = steps
    return np.take_along_axis(firsts, first_step, axis=1)
