import warnings

import numpy as np
import pytest
import torch

from gpu_worker.engine import attention, layout
from gpu_worker.engine.encoder import Encoder, EncoderShape

SHAPE = EncoderShape(3, 48, 4, 96)
#: Window lengths below and above the length from which heads are computed one by one.
LENGTHS = [np.array([7]), np.array([5, 300, 1, 64])]


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        name: 0.3 * torch.randn(shape, generator=generator) + float("LayerNorm.weight" in name)
        for name, shape in layout.encoder(SHAPE, 50).items()
    }


def _reference(weights: dict[str, torch.Tensor], ids: torch.Tensor) -> list[torch.Tensor]:
    with warnings.catch_warnings(action="ignore"):
        from transformers import BertConfig, BertModel

        config = BertConfig(  # type: ignore[no-untyped-call]  # in transformers
            vocab_size=50,
            hidden_size=SHAPE.hidden,
            num_hidden_layers=SHAPE.layers,
            num_attention_heads=SHAPE.heads,
            intermediate_size=SHAPE.intermediate,
        )
        model = BertModel(config, add_pooling_layer=False).eval()  # type: ignore[no-untyped-call]  # in transformers
    model.load_state_dict(weights)
    with torch.inference_mode():
        states: tuple[torch.Tensor, ...] = model(ids[None], output_hidden_states=True).hidden_states
    return [state[0] for state in states]


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_every_window_has_the_states_that_bert_gives_it_alone(
    weights: dict[str, torch.Tensor], lengths: np.ndarray
) -> None:
    ids = torch.randint(0, 50, (int(lengths.sum()),), generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        states = Encoder(weights, SHAPE).states(ids, lengths, last=2)
    expected = [_reference(weights, window) for window in torch.split(ids, lengths.tolist())]
    for place, state in enumerate(states, start=1):
        torch.testing.assert_close(state, torch.cat([layers[-place] for layers in expected]), rtol=1e-4, atol=1e-5)


def test_the_last_layer_can_be_had_for_some_pieces_alone(weights: dict[str, torch.Tensor]) -> None:
    lengths, wanted, counts = np.array([9, 4, 300]), torch.tensor([0, 8, 13, 14, 312]), np.array([2, 0, 3])
    ids = torch.randint(0, 50, (313,), generator=torch.Generator().manual_seed(3))
    encoder = Encoder(weights, SHAPE)
    with torch.inference_mode():
        every = encoder.states(ids, lengths)[0]
        some = encoder.states_at(ids, lengths, wanted, counts)
    torch.testing.assert_close(some, every[wanted], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("dtype", "near"), [(torch.float32, 1e-5), (torch.bfloat16, 0.02)], ids=str)
def test_padded_attention_agrees_with_attention_window_by_window(dtype: torch.dtype, near: float) -> None:
    asked, asking = np.array([3, 300, 1]), np.array([3, 2, 1])
    generator = torch.Generator().manual_seed(4)
    query = torch.randn(6, 4, 12, generator=generator)
    key, value = torch.randn(2, 304, 4, 12, generator=generator)
    query, key, value = query.to(dtype), key.to(dtype), value.to(dtype)
    alone = attention.attend(query, key, value, asking, asked)
    padded = attention._attend_padded(query.float(), key.float(), value.float(), asking, asked)
    assert alone.dtype is dtype
    torch.testing.assert_close(alone.float(), padded, rtol=10 * near, atol=near)


def test_bf16_stays_near_f32(weights: dict[str, torch.Tensor]) -> None:
    ids, lengths = torch.arange(40), np.array([40])
    with torch.inference_mode():
        exact = Encoder(weights, SHAPE).states(ids, lengths)[0]
        near = Encoder(weights, SHAPE, torch.bfloat16).states(ids, lengths)[0]
    assert near.dtype is torch.float32
    assert float((exact - near).norm() / exact.norm()) < 0.03
