import numpy as np
import torch
from torch import nn

from gpu_worker.engine.recurrent import BiLstm


def test_each_sequence_is_read_as_by_torchs_own_lstm_without_its_neighbours() -> None:
    torch.manual_seed(5)
    lstm = nn.LSTM(6, 4, bidirectional=True)
    lengths = np.array([5, 1, 7, 2])
    x = torch.randn(7, 4, 6)
    with torch.inference_mode():
        ours = BiLstm({f"own.{name}": weight for name, weight in lstm.state_dict().items()}, "own")(x, lengths)
        for row, length in enumerate(lengths.tolist()):
            expected = lstm(x[:length, row])[0]
            torch.testing.assert_close(ours[:length, row], expected, rtol=1e-5, atol=1e-6)
