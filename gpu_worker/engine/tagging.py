"""Entities, supersenses and events: one pass of the tagger over the book.

After upstream's `english/entity_tagger.py` and `english/tagger.py` (`LitBankEntityTagger`, `Tagger.predict_all`):
windows of whole sentences go through the encoder; a word is the mean of its pieces in the encoder's last four
layers; entities are read in three layers, each of which sees as one word what the layer before found.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from gpu_worker.engine import batches, data, windows
from gpu_worker.engine.bio import Tags, TagSet, merged
from gpu_worker.engine.document import Mention, Supersense, Tagging, Task, Token
from gpu_worker.engine.mention_vectors import MentionReader
from gpu_worker.engine.networks import TaggerNetwork
from gpu_worker.engine.pack import Pack
from gpu_worker.engine.windows import Integers, Windows, mean_of_runs

#: What the tagger can be asked for.
TASKS = frozenset({Task.ENTITY, Task.SUPERSENSE, Task.EVENT})

#: Upstream's batches: so many windows in each, fewer once a batch's longest window has more pieces than this.
_UPSTREAM_BATCH = 32
_UPSTREAM_SMALLER = ((100, 12), (200, 6))

#: The row of the WordNet embedding for what is no word, and for a word that WordNet does not know.
_NO_WORD, _NO_SENSE = 0, 1
_WORDNET_POS = {"NOUN": "n", "VERB": "v"}


@dataclass(frozen=True, slots=True)
class _Batch:
    """Some windows as the recurrent layers read them: their words, `[SEP]`, and padding."""

    #: Numbers of the windows, `[windows]`.
    windows: Integers
    #: `[longest, windows, features]`
    words: Tensor
    #: How many words of the book each window has, `[windows]`.
    counts: Integers
    #: How many steps are read of each window, `[windows]`: its words, `[SEP]`, with `compat` upstream's padding.
    steps: Integers


@dataclass(frozen=True, slots=True)
class _Found:
    """What has been found so far; supersenses by window."""

    mentions: set[Mention] = field(default_factory=set)
    supersenses: dict[int, list[Supersense]] = field(default_factory=dict)
    events: set[int] = field(default_factory=set)


def tag(
    tokens: Sequence[Token],
    pack: Pack,
    *,
    tasks: frozenset[Task],
    compat: bool,
    advance: Callable[[float], None],
    reader: MentionReader | None = None,
) -> Tagging:
    """Find what `tasks` asks for; `advance` learns the share of the pieces that is done.

    `reader` is fed what coreference would read again, where the two share an encoder (`Pack.shared_reader`).

    With `compat`, windows are padded as in upstream's batches and the padding is read: there the LSTMs see it, the
    Viterbi back-trace walks through it and the nested layers count it, so that a window's tags depend on its
    neighbours in the batch.
    """
    found = _Found()
    if tokens and tasks & TASKS:
        with torch.inference_mode():
            _Tagger(tokens, pack.tagger, tasks, compat=compat, reader=reader).run(found, advance)
    return Tagging(
        sorted(found.mentions),
        [span for window in sorted(found.supersenses) for span in found.supersenses[window]],
        frozenset(found.events),
    )


class _Tagger:
    """One document on its way through the tagger."""

    def __init__(
        self,
        tokens: Sequence[Token],
        network: TaggerNetwork,
        tasks: frozenset[Task],
        *,
        compat: bool,
        reader: MentionReader | None,
    ) -> None:
        self._reader = reader
        self._words = [token.word for token in tokens]
        self._network = network
        self._tasks = tasks
        self._compat = compat
        self._pieces = network.tokenizer.split_all(self._words)
        sentences = np.fromiter((token.sentence for token in tokens), np.int64, len(tokens))
        self._windows = windows.sentence_windows(sentences, self._pieces)
        self._lengths = self._windows.lengths(self._pieces)
        self._senses = first_senses(tokens) if Task.SUPERSENSE in tasks else None

    def run(self, found: _Found, advance: Callable[[float], None]) -> None:
        order = np.argsort(self._lengths)  # upstream's sort, which decides which windows share a batch
        counts = self._windows.ends - self._windows.starts
        steps = _upstream_steps(order, self._lengths, counts) if self._compat else counts + 1

        def read(numbers: Integers) -> None:
            states, lengths = self._states(numbers)
            words = self._words_of(states, lengths, numbers, steps[numbers])
            batch = _Batch(numbers, words, counts[numbers], steps[numbers])
            mentions = sorted(set(self._mentions(batch))) if Task.ENTITY in self._tasks else []
            if self._reader is not None and mentions:
                cut = Windows(self._windows.starts[numbers], self._windows.ends[numbers])
                self._reader.offer(mentions, cut, lengths, states[0])
            found.mentions.update(mentions)
            self._read_the_rest(batch, found)

        total, done = int(self._lengths.sum()), 0
        for batch in batches.run_all(order, self._lengths, self._network.encoder.device, read):
            done += int(self._lengths[batch].sum())
            advance(done / total)

    def _states(self, batch: Integers) -> tuple[list[Tensor], Integers]:
        """Return the states `[pieces, hidden]` that the tagger reads of some windows, and each window's pieces."""
        network = self._network
        begins = self._pieces.offsets[self._windows.starts[batch]]
        ids, lengths = windows.framed(
            self._pieces.ids,
            begins,
            self._pieces.offsets[self._windows.ends[batch]] - begins,
            first=network.tokenizer.id_of("[CLS]"),
            last=network.tokenizer.id_of("[SEP]"),
        )
        ids_there = windows.to_device(ids, network.encoder.device)
        return network.encoder.states(ids_there, lengths, last=network.layers_read), lengths

    def _words_of(self, states: list[Tensor], lengths: Integers, batch: Integers, steps: Integers) -> Tensor:
        """Return the words of some windows, `[longest, windows, features]`."""
        starts, ends = self._windows.starts[batch], self._windows.ends[batch]
        longest = int(steps.max())
        sizes = self._pieces_by_step(starts, ends, longest)
        after_cls = np.cumsum(lengths) - lengths + 1
        firsts = np.cumsum(sizes, axis=1) - sizes + after_cls[:, None]
        taken = windows.spread(firsts.T.ravel(), sizes.T.ravel())
        words = [mean_of_runs(layer, taken, sizes.T.ravel()) for layer in states]
        return torch.cat(words, 1).view(longest, len(batch), -1)

    def _pieces_by_step(self, starts: Integers, ends: Integers, longest: int) -> Integers:
        """Return how many pieces each step of each window is the mean of: the words', one of `[SEP]`, then none."""
        sizes = np.zeros((len(starts), longest), np.int64)
        counts = ends - starts
        sizes[np.arange(longest) < counts[:, None]] = self._pieces.counts[windows.spread(starts, counts)]
        sizes[np.arange(len(sizes)), counts] = 1
        return sizes

    def _read_the_rest(self, batch: _Batch, found: _Found) -> None:
        if Task.EVENT in self._tasks:
            found.events.update(self._events(batch))
        if self._senses is not None:
            found.supersenses.update(self._supersenses(batch, self._senses))

    def _mentions(self, batch: _Batch) -> Iterator[Mention]:
        for tags in self._nested_tags(batch):
            for _, start, end, label in self._spans(batch, self._network.entity_tags, tags):
                prop, category = label.split("_")
                yield Mention(start, end - 1, prop, category, " ".join(self._words[start:end]))

    def _nested_tags(self, batch: _Batch) -> list[Tags]:
        """Return the tags of each layer of nesting, each for the words of the book, `[windows, longest]`."""
        tag_set, crf = self._network.entity_tags, self._network.entity_crf
        layers: list[Tags] = []
        merges: list[Tags] = []
        inputs, counts, steps = batch.words, batch.counts, batch.steps
        for lstm, scores in zip(self._network.entity_lstms, self._network.entity_scores, strict=True):
            states = lstm(inputs, steps)
            tags = crf.decode(scores(states), counts, steps - counts if self._compat else None)
            tags = self._within(tag_set.repaired(tags), steps if self._compat else counts, tag_set.outside)
            layers.append(tags)
            for groups in reversed(merges):
                layers[-1] = tag_set.unmerged(layers[-1], groups)
            groups = merged(tag_set.continues(tags))
            merges.append(groups)
            rows, last_step = np.arange(len(steps)), steps - 1
            if self._compat:
                counts = groups[rows, last_step] + 1
            else:
                counts = np.where(counts > 0, groups[rows, counts - 1] + 1, 0)
            inputs = self._merge(states, groups, steps)
            steps = steps if self._compat else counts + 1
        return layers

    @staticmethod
    def _within(tags: Tags, ends: Integers, outside: int) -> Tags:
        return np.where(np.arange(tags.shape[1]) < ends[:, None], tags, outside)

    @staticmethod
    def _merge(states: Tensor, groups: Tags, steps: Integers) -> Tensor:
        """Return the mean state of each group, `[longest, windows, features]`, zero where there is no group."""
        rows, longest = groups.shape
        real = np.arange(longest) < steps[:, None]
        places = np.arange(rows)[:, None] * longest + groups
        sizes = np.bincount(places[real], minlength=rows * longest).reshape(rows, longest)
        firsts = np.cumsum(sizes, axis=1) - sizes
        counts, owners = sizes.T.ravel(), np.tile(np.arange(rows), longest)
        taken = windows.spread(firsts.T.ravel(), counts) * rows + np.repeat(owners, counts)
        return mean_of_runs(states.flatten(0, 1), taken, counts).view(longest, rows, -1)

    def _events(self, batch: _Batch) -> list[int]:
        states = self._network.event_lstm(batch.words, batch.steps)
        scores = self._network.event_scores(states)
        is_event = (scores[..., 1] > scores[..., 0]).T.cpu().numpy()
        is_event &= np.arange(is_event.shape[1]) < batch.counts[:, None]
        rows, steps = np.nonzero(is_event)
        tokens: list[int] = (self._windows.starts[batch.windows[rows]] + steps).tolist()
        return tokens

    def _supersenses(self, batch: _Batch, senses: Integers) -> dict[int, list[Supersense]]:
        network = self._network
        classes = np.full((len(batch.windows), len(batch.words)), _NO_WORD)
        starts = self._windows.starts[batch.windows]
        real = np.arange(classes.shape[1]) < batch.counts[:, None]
        classes[real] = senses[windows.spread(starts, batch.counts)]
        known = network.wordnet[windows.to_device(classes.T, network.encoder.device)]
        states = network.supersense_lstm(torch.cat((batch.words, known.to(batch.words.dtype)), 2), batch.steps)
        trailing = batch.steps - batch.counts if self._compat else None
        tags = network.supersense_crf.decode(network.supersense_scores(states), batch.counts, trailing)
        tags = network.supersense_tags.repaired(tags)
        found: dict[int, list[Supersense]] = {window: [] for window in batch.windows.tolist()}
        for window, start, end, label in self._spans(batch, network.supersense_tags, tags):
            found[window].append(Supersense(start, end - 1, label, " ".join(self._words[start:end])))
        return found

    def _spans(self, batch: _Batch, tag_set: TagSet, tags: Tags) -> Iterator[tuple[int, int, int, str]]:
        """Yield each span's window, its first token, one past its last, and its label."""
        for row, window in enumerate(batch.windows.tolist()):
            first = int(self._windows.starts[window])
            for start, end, label in tag_set.spans(tags[row, : batch.counts[row]]):
                yield window, first + start, first + end, label


def _upstream_steps(order: Integers, lengths: Integers, counts: Integers) -> Integers:
    """Return to how many steps upstream's batches (`layered_reader.get_batches`) pad each window, without `[CLS]`."""
    steps = np.empty_like(counts)
    size = _UPSTREAM_BATCH
    start = 0
    while start < len(order):
        batch = order[start : start + size]
        steps[batch] = counts[batch].max() + 1
        start += size
        for pieces, smaller in _UPSTREAM_SMALLER:
            if lengths[batch].max() > pieces:
                size = smaller
    return steps


def first_senses(tokens: Sequence[Token]) -> Integers:
    """Return the WordNet class of each token's first sense, as a noun or a verb."""
    table = data.first_senses()
    keys = ((token.word.lower(), _WORDNET_POS.get(token.pos, "")) for token in tokens)
    return np.fromiter((table.get(key, _NO_SENSE) for key in keys), np.int64, len(tokens))
