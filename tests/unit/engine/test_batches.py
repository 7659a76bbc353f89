import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gpu_worker.engine import batches

CPU = torch.device("cpu")


@given(st.lists(st.integers(1, 500), max_size=60), st.integers(1, 2_000))
def test_batches_stay_within_the_budget_and_leave_nothing_out(lengths: list[int], budget: int) -> None:
    sizes = np.array(lengths, np.int64)
    order = np.argsort(sizes)
    made = list(batches.cut(order, sizes, budget))
    assert [number for batch in made for number in batch.tolist()] == order.tolist()
    assert all(len(batch) == 1 or len(batch) * sizes[batch].max() <= budget for batch in made)


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
    ran = list(batches.one_by_one(np.arange(64), lengths, 640, card.run))
    assert card.done == list(range(64)) == np.concatenate(ran).tolist()
    assert card.refused == 3, "the budget stays halved, and is not tried at full size again"


def test_one_window_that_does_not_fit_is_an_error() -> None:
    card = _SmallCard(np.array([100]), room=90)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        list(batches.one_by_one(np.arange(1), np.array([100]), 640, card.run))


def _on_threads(threads: int, run: Callable[[np.ndarray], None], items: int = 40) -> list[np.ndarray]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        ran = list(batches.run_all(np.arange(items), np.full(items, 1_000), CPU, run))
        assert torch.get_num_threads() == threads, "the caller's own threads are left alone"
        return ran
    finally:
        torch.set_num_threads(before)


def test_a_cpu_runs_as_many_batches_at_once_as_it_has_cores() -> None:
    together = threading.Barrier(2, timeout=30)

    def meet(_: np.ndarray) -> None:
        together.wait()

    ran = _on_threads(2, meet, items=12)
    assert sorted(np.concatenate(ran).tolist()) == list(range(12)), "each batch was met by another, and ran once"


def test_a_batch_has_its_core_to_itself_and_computes_without_gradients() -> None:
    seen: list[tuple[int, bool]] = []
    _on_threads(2, lambda _: seen.append((torch.get_num_threads(), torch.is_inference_mode_enabled())))
    assert set(seen) == {(1, True)}


def test_a_thread_that_begins_later_has_all_cores() -> None:
    assert len(list(batches.side_by_side([np.arange(1)] * 4, lambda _: None))) >= 4
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == torch.get_num_threads()


def test_an_error_in_a_batch_reaches_the_caller() -> None:
    def fail(batch: np.ndarray) -> None:
        raise ValueError(f"window {batch[0]} is bad")

    with pytest.raises(ValueError, match="window 0 is bad"):
        _on_threads(1, fail)


def test_the_caller_has_a_word_while_a_long_batch_runs_and_need_not_wait_for_it() -> None:
    release, ran = threading.Event(), []

    def run(batch: np.ndarray) -> None:
        ran.append(batch)
        assert release.wait(30)

    running = batches.side_by_side([np.array([number]) for number in range(20)], run)
    assert isinstance(running, Generator)
    assert len(next(running)) == 0
    running.close()
    release.set()
    assert len(ran) <= torch.get_num_threads(), "what had not begun is called off"
