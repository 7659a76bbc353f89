import numpy as np
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
