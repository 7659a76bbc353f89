"""How a book is cut into the windows that an encoder reads, and how windows become tensors."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from gpu_worker.engine.wordpiece import Pieces

#: The most pieces of one sentence, and of one window, that upstream feeds to an encoder with 512 positions.
MOST_PIECES = 500

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Windows:
    """Runs of consecutive tokens, in order, that together cover the document."""

    #: The first token of each window, `[windows]`.
    starts: Integers
    #: One past its last token, `[windows]`; a window may be empty.
    ends: Integers

    def __len__(self) -> int:
        return len(self.starts)

    def lengths(self, pieces: Pieces) -> Integers:
        """Return how many pieces each window has, `[CLS]` and `[SEP]` included."""
        lengths: Integers = pieces.offsets[self.ends] - pieces.offsets[self.starts] + 2
        return lengths


def sentence_windows(sentences: Integers, pieces: Pieces, *, carried: int = 0, most: int = MOST_PIECES) -> Windows:
    """Fill windows with whole sentences, as long as there are fewer than `most` pieces in one.

    `sentences` `[tokens]` holds each token's sentence. A sentence that is too long is cut between words. From the
    second window on, `carried` counts as pieces that are there already: upstream's tagger begins to count at 0,
    its coreference at 1 (`entity_tagger.py`, `litbank_coref.py`). As upstream does, a chunk that alone fills a
    window leaves an empty window before it when it comes first.
    """
    starts, ends = [], []
    start, filled = 0, 0
    for chunk_start, chunk_end in _chunks(sentences, pieces, most):
        size = int(pieces.offsets[chunk_end] - pieces.offsets[chunk_start])
        if size + filled >= most:
            starts.append(start)
            ends.append(chunk_start)
            start, filled = chunk_start, carried
        filled += size
    if start < len(sentences):
        starts.append(start)
        ends.append(len(sentences))
    return Windows(np.array(starts, np.int64), np.array(ends, np.int64))


def _chunks(sentences: Integers, pieces: Pieces, most: int) -> Iterator[tuple[int, int]]:
    """Yield each sentence's tokens, or the parts that have at most `most` pieces of a longer one."""
    bounds = np.flatnonzero(np.diff(sentences)) + 1
    edges = [0, *bounds.tolist(), len(sentences)] if len(sentences) else [0]
    for start, end in itertools.pairwise(edges):
        while pieces.offsets[end] - pieces.offsets[start] > most:
            limit = pieces.offsets[start] + most
            cut = int(np.searchsorted(pieces.offsets, limit, side="right")) - 1
            cut = max(cut, start + 1)
            yield start, cut
            start = cut
        yield start, end


def spread(starts: Integers, counts: Integers) -> Integers:
    """Return `start, start + 1, …` for each start, `count` numbers each, end to end."""
    ends = np.cumsum(counts)
    within = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
    numbers: Integers = np.repeat(starts, counts) + within
    return numbers


def framed(pieces: Integers, starts: Integers, sizes: Integers, *, first: int, last: int) -> tuple[Integers, Integers]:
    """Return runs of `pieces`, each between the pieces `first` and `last`, end to end, and their lengths `[runs]`."""
    lengths: Integers = sizes + 2
    ends = np.cumsum(lengths)
    ids = np.full(int(lengths.sum()), first)
    ids[spread(ends - lengths + 1, sizes)] = pieces[spread(starts, sizes)]
    ids[ends - 1] = last
    return ids, lengths


def to_device(array: NDArray[np.generic], device: torch.device) -> Tensor:
    """Copy an array to the device; to a GPU without waiting for it, from pinned memory."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def mean_of_runs(rows: Tensor, taken: Integers, sizes: Integers) -> Tensor:
    """Return the means `[runs, features]` of runs of the rows `taken` from `rows` `[rows, features]`.

    `sizes` `[runs]` says how many of `taken` belong to each run, in order; an empty run's mean is zero.
    """
    offsets = np.cumsum(sizes) - sizes
    return functional.embedding_bag(to_device(taken, rows.device), rows, to_device(offsets, rows.device), mode="mean")
