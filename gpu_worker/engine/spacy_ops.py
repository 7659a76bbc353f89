"""spaCy's matrix products through oneDNN, which takes a third of the time of its own BLIS on AVX-512."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from thinc.api import NumpyOps

from gpu_worker.engine import linear

if TYPE_CHECKING:
    from spacy.language import Language

Floats = NDArray[np.float32]


class OneDnnOps(NumpyOps):  # type: ignore[misc]  # compiled, and without types
    """All that a layer of thinc computes with on a CPU, with another matrix product."""

    def gemm(
        self, x: Floats, y: Floats, out: Floats | None = None, trans1: bool = False, trans2: bool = False
    ) -> Floats:
        """Return the product of `x` and `y`, either of them transposed on request, in `out` if there is one."""
        if trans1 or not trans2 or not x.size:
            product: Floats = super().gemm(x, y, out=out, trans1=trans1, trans2=trans2)
            return product
        product = linear.product(torch.from_numpy(x), torch.from_numpy(y)).numpy()
        if out is None:
            return product
        out[...] = product
        return out


def use_onednn(nlp: "Language") -> "Language":
    """Return the pipeline with its layers set to multiply through oneDNN, where torch has it."""
    if linear.AVAILABLE:
        ops = OneDnnOps()
        for _, component in nlp.pipeline:
            model = getattr(component, "model", None)
            for layer in model.walk() if model else ():
                layer.ops = ops
    return nlp


@contextmanager
def on_one_core() -> Iterator[None]:
    """Keep torch's products to one core meanwhile: other processes parse on the next ones (`parser_process`)."""
    cores = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(cores)
