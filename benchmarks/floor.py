"""What the machine itself would need: the encoders' arithmetic at the speed of its matrix products."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from gpu_worker.engine.encoder import Encoder
from gpu_worker.engine.linear import Linear

#: The product that the rate is measured with: the rows of a batch, and the first feed-forward layer of MiniLM.
_ROWS, _IN, _OUT = 2_048, 384, 1_536
_SECONDS = 1.0


@contextmanager
def encoder_flops() -> Iterator[list[float]]:
    """Give a list to which every run of an encoder within the block adds its floating-point operations."""
    counted: list[float] = []

    def counting(method: Any) -> Any:
        def run(self: Encoder, ids: Any, lengths: Any, *arguments: Any, **options: Any) -> Any:
            counted.append(flops(self, lengths))
            return method(self, ids, lengths, *arguments, **options)

        return run

    with (
        patch.object(Encoder, "states", counting(Encoder.states)),
        patch.object(Encoder, "states_at", counting(Encoder.states_at)),
    ):
        yield counted


def flops(encoder: Encoder, lengths: Any) -> float:
    """Return what an encoder computes over windows of `lengths` pieces: its matrices, and attention in each window."""
    shape = encoder.shape
    matrices = 2 * (4 * shape.hidden**2 + 2 * shape.hidden * shape.intermediate)
    attention = 4 * shape.hidden * np.asarray(lengths, float)
    return float(shape.layers * ((matrices + attention) * lengths).sum())


def product_rate(precision: str) -> float:
    """Return the floating-point operations a second of the engine's own matrix product, one on each core."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    layer, x = Linear(torch.randn(_OUT, _IN, dtype=dtype)), torch.randn(_ROWS, _IN, dtype=dtype)
    cores = torch.get_num_threads()

    def multiply(_: int) -> float:
        runs, started = 0, time.monotonic()
        with torch.inference_mode():
            while time.monotonic() - started < _SECONDS:
                layer(x)
                runs += 1
        return runs / (time.monotonic() - started)

    with ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return 2.0 * _ROWS * _IN * _OUT * sum(pool.map(multiply, range(cores)))
