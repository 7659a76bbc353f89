"""Matrix products, on a CPU through oneDNN.

torch sends f32 products to MKL, which has no AVX-512 path for AMD's processors; oneDNN has one and doubles the speed
there, and is level on Intel's. It also keeps weights in the order that it multiplies them in, and computes GELU while
the product is still in cache. torch reaches it through the operators that its own compiler emits.
"""

import torch
from torch import Tensor
from torch.nn import functional

#: Whether this torch was built with oneDNN.
AVAILABLE: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]  # in torch

_onednn = torch.ops.mkldnn


class Linear:
    """`x W^T + b`, with GELU (the exact one, by erf) on request; `[..., in] -> [..., out]`."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None, *, gelu: bool = False) -> None:
        self._bias = bias
        self._gelu = gelu
        self._dtype = weight.dtype
        # A weight in training has a gradient, which oneDNN's operators do not compute.
        self._reordered = weight.device.type == "cpu" and AVAILABLE and not weight.requires_grad
        self._weight = _onednn._reorder_linear_weight(weight) if self._reordered else weight  # noqa: SLF001 - no public name

    def __call__(self, x: Tensor) -> Tensor:
        """Return the product for `x`, in the weights' type."""
        x = x.to(self._dtype)
        if self._reordered:
            name, algorithm = ("gelu", "none") if self._gelu else ("none", "")
            out: Tensor = _onednn._linear_pointwise(  # noqa: SLF001 - no public name
                x, self._weight, self._bias, name, [], algorithm
            )
            return out
        out = functional.linear(x, self._weight, self._bias)
        return functional.gelu(out) if self._gelu else out


def product(x: Tensor, weight: Tensor) -> Tensor:
    """Return `x W^T` for `x` `[n, k]` and `weight` `[m, k]`, neither of them reordered; needs oneDNN."""
    out: Tensor = _onednn._linear_pointwise(x, weight, None, "none", [], "")  # noqa: SLF001 - no public name
    return out
