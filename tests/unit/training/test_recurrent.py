import numpy as np
import torch
from torch import Tensor

from gpu_worker.engine.recurrent import BiLstm
from training.recurrent import TrainableBiLstm

HIDDEN, FEATURES = 3, 4
LENGTHS = np.array([5, 2, 1])


def weights(dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    shapes = {
        "weight_ih_l0": (4 * HIDDEN, FEATURES),
        "weight_hh_l0": (4 * HIDDEN, HIDDEN),
        "bias_ih_l0": (4 * HIDDEN,),
        "bias_hh_l0": (4 * HIDDEN,),
    }
    return {
        f"lstm.{name}{way}": torch.randn(shape, generator=generator, dtype=dtype)
        for name, shape in shapes.items()
        for way in ("", "_reverse")
    }


def inside(states: Tensor) -> Tensor:
    """Return the states before each sequence's length."""
    return states[torch.from_numpy(np.arange(len(states))[:, None] < LENGTHS)]


def test_the_states_are_the_engines() -> None:
    x = torch.randn(5, 3, FEATURES, generator=torch.Generator().manual_seed(2))
    trained = TrainableBiLstm(weights(), "lstm")(x, LENGTHS)
    torch.testing.assert_close(inside(trained), inside(BiLstm(weights(), "lstm")(x, LENGTHS)))


def test_the_gradients_are_those_of_torchs_own_layer() -> None:
    own, x = weights(), torch.randn(5, 3, FEATURES, generator=torch.Generator().manual_seed(2))
    for tensor in own.values():
        tensor.requires_grad_()
    wanted_of = torch.randn(8, 2 * HIDDEN, generator=torch.Generator().manual_seed(3))
    (inside(TrainableBiLstm(own, "lstm")(x, LENGTHS)) * wanted_of).sum().backward()  # type: ignore[no-untyped-call]  # in torch

    layer = torch.nn.LSTM(FEATURES, HIDDEN, bidirectional=True)
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            parameter.copy_(own[f"lstm.{name}"])
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.from_numpy(LENGTHS))
    states, _ = torch.nn.utils.rnn.pad_packed_sequence(layer(packed)[0])
    (inside(states) * wanted_of).sum().backward()  # type: ignore[no-untyped-call]  # in torch
    for name, parameter in layer.named_parameters():
        torch.testing.assert_close(own[f"lstm.{name}"].grad, parameter.grad, rtol=1e-4, atol=1e-5)
