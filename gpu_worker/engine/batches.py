"""How windows are put into batches, and how batches go through a CPU or a GPU.

A CPU runs one batch a core, each on a thread of its own. The steps of a recurrent layer and of a Viterbi search are
far too small to be split over cores: with a batch on both cores they took as long as on one, and many times longer
where another program used one of the two, for each operator ends by waiting for the last of its threads. A GPU runs
one large batch after the other.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import numpy as np
import torch

from gpu_worker.engine.windows import Integers

#: How many pieces, padding included, a batch has. Larger ones are hardly faster on a CPU and take more memory.
_CPU_BUDGET, _GPU_BUDGET = 3_072, 65_536

#: Threads that run batches at once, at most. Python's lock would stop more of them from being of use.
_MOST_THREADS = 8

#: How often the caller has a word while batches run, in seconds.
_PATIENCE = 0.2

_NOTHING: Integers = np.empty(0, np.int64)

Run = Callable[[Integers], None]


def run_all(order: Sequence[int] | Integers, lengths: Integers, device: torch.device, run: Run) -> Iterator[Integers]:
    """Run all of `order` in batches; yield each batch that ran, and on a CPU an empty one while none has ended.

    `lengths` `[items]` are the items' pieces. On a CPU `run` must bear to be called by several threads at once, and
    a caller who stops iterating is not kept waiting for those batches that run.
    """
    order = np.asarray(order, np.int64)
    if device.type == "cpu":
        return side_by_side(list(cut(order, lengths, _CPU_BUDGET)), run)
    return one_by_one(order, lengths, _GPU_BUDGET, run)


def cut(order: Integers, lengths: Integers, budget: int) -> Iterator[Integers]:
    """Yield runs of `order` whose size, padded, stays within `budget` pieces; one item alone may exceed it."""
    start = 0
    while start < len(order):
        longest = np.maximum.accumulate(lengths[order[start : start + max(1, budget)]])
        size = int(np.searchsorted(longest * np.arange(1, len(longest) + 1), budget, side="right"))
        yield order[start : start + max(1, size)]
        start += max(1, size)


def one_by_one(order: Integers, lengths: Integers, budget: int, run: Run) -> Iterator[Integers]:
    """Run one batch after the other.

    When the device is out of memory, the budget halves and the same batch runs again in smaller ones.
    """
    done = 0
    while done < len(order):
        batch = next(cut(order[done:], lengths, budget))
        try:
            run(batch)
        except torch.cuda.OutOfMemoryError:
            if len(batch) == 1:
                raise
            torch.cuda.empty_cache()
            budget = int(lengths[batch].max()) * (len(batch) // 2)
            continue
        done += len(batch)
        yield batch


def side_by_side(batches: Sequence[Integers], run: Run) -> Iterator[Integers]:
    """Run batches on as many threads as torch has cores; yield each as it ends."""
    cores = torch.get_num_threads()
    threads = min(cores, _MOST_THREADS)
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(cores // threads,))
    try:
        running = {pool.submit(_infer, run, batch): batch for batch in batches}
        while running:
            ended = wait(running, _PATIENCE, FIRST_COMPLETED).done
            for future in ended:
                future.result()
                yield running.pop(future)
            if not ended:
                yield _NOTHING
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        torch.set_num_threads(cores)  # a thread begins with what was set last in any, which is what the pool's got


def _infer(run: Run, batch: Integers) -> None:
    with torch.inference_mode():  # a thread's own, whatever mode its maker is in
        run(batch)
