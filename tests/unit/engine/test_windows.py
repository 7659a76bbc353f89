import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gpu_worker.engine import windows
from gpu_worker.engine.wordpiece import Pieces

SENTENCES = st.lists(st.lists(st.integers(1, 101), min_size=1, max_size=30), max_size=40)


def _document(sizes: list[list[int]]) -> tuple[np.ndarray, Pieces]:
    """Return each word's sentence and the pieces of words with so many pieces."""
    sentences = np.array([index for index, sentence in enumerate(sizes) for _ in sentence], np.int64)
    counts = np.array([count for sentence in sizes for count in sentence], np.int64)
    offsets = np.concatenate(([0], np.cumsum(counts)))
    return sentences, Pieces(np.arange(offsets[-1]), offsets)


@given(SENTENCES, st.sampled_from([0, 1]))
def test_windows_cover_the_document_in_order_and_fit_the_encoder(sizes: list[list[int]], carried: int) -> None:
    sentences, pieces = _document(sizes)
    cut = windows.sentence_windows(sentences, pieces, carried=carried)
    edges = [0, *cut.ends.tolist()]
    assert cut.starts.tolist() == edges[:-1]
    assert edges[-1] == len(sentences)
    assert (cut.lengths(pieces) <= windows.MOST_PIECES + 2).all()


def test_a_sentence_that_would_fill_the_window_opens_the_next() -> None:
    sentences, pieces = _document([[100, 100], [99] * 3, [3], [100] * 7])
    assert windows.sentence_windows(sentences, pieces).ends.tolist() == [5, 6, 11, 13]
    assert windows.sentence_windows(sentences, pieces, carried=1).ends.tolist() == [5, 6, 11, 13]


def test_a_sentence_as_long_as_a_window_leaves_an_empty_one_before_it() -> None:
    sentences, pieces = _document([[100] * 5])
    cut = windows.sentence_windows(sentences, pieces)
    assert (cut.starts.tolist(), cut.ends.tolist()) == ([0, 0], [0, 5])


def test_framed_runs_stand_between_their_marks() -> None:
    ids, lengths = windows.framed(np.arange(10, 20), np.array([0, 4, 7]), np.array([2, 0, 3]), first=1, last=2)
    assert ids.tolist() == [1, 10, 11, 2, 1, 2, 1, 17, 18, 19, 2]
    assert lengths.tolist() == [4, 2, 5]


def test_means_of_runs_leave_an_empty_run_zero() -> None:
    rows = torch.tensor([[1.0], [3.0], [8.0]])
    assert windows.mean_of_runs(rows, np.array([0, 1, 2]), np.array([2, 0, 1])).tolist() == [[2.0], [0.0], [8.0]]


@given(st.lists(st.integers(1, 500), max_size=60), st.integers(1, 2_000))
def test_batches_stay_within_the_budget_and_run_everything_once(lengths: list[int], budget: int) -> None:
    ran: list[np.ndarray] = []
    sizes = np.array(lengths, np.int64)
    order = np.argsort(sizes)
    assert sum(windows.in_batches(order, sizes, budget, ran.append)) == len(lengths)
    assert [number for batch in ran for number in batch.tolist()] == order.tolist()
    assert all(len(batch) == 1 or len(batch) * sizes[batch].max() <= budget for batch in ran)


class _SmallCard:
    """A device whose memory holds so many pieces."""

    def __init__(self, lengths: np.ndarray, room: int) -> None:
        self._lengths, self._room = lengths, room
        self.done: list[int] = []
        self.refused = 0

    def run(self, batch: np.ndarray) -> None:
        if len(batch) * self._lengths[batch].max() > self._room:
            self.refused += 1
            raise torch.cuda.OutOfMemoryError
        self.done += batch.tolist()


def test_a_batch_that_does_not_fit_into_memory_runs_again_in_halves() -> None:
    lengths = np.full(64, 10)
    card = _SmallCard(lengths, room=90)
    for _ in windows.in_batches(np.arange(64), lengths, 640, card.run):
        pass
    assert card.done == list(range(64))
    assert card.refused == 3, "the budget stays halved, and is not tried at full size again"


def test_one_window_that_does_not_fit_is_an_error() -> None:
    card = _SmallCard(np.array([100]), room=90)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        list(windows.in_batches(np.arange(1), np.array([100]), 640, card.run))
