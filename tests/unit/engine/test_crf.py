import itertools
import warnings

import numpy as np
import torch

from gpu_worker.engine.crf import Crf

_TAGS = 5


def _case(seed: int, steps: int, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(_TAGS, _TAGS, generator=generator), torch.randn(steps, batch, _TAGS, generator=generator)


def _best_by_trying_all(transitions: torch.Tensor, emissions: torch.Tensor) -> list[int]:
    def score(path: tuple[int, ...]) -> float:
        moves = itertools.pairwise((_TAGS - 2, *path))
        return float(
            sum(transitions[to, origin] for origin, to in moves)
            + sum(emissions[step, tag] for step, tag in enumerate(path))
            + transitions[_TAGS - 1, path[-1]]
        )

    best = max(itertools.product(range(_TAGS), repeat=len(emissions)), key=score)
    return list(best)


def test_the_path_is_the_best_of_all_paths() -> None:
    transitions, emissions = _case(6, 4, 6)
    lengths = np.array([4, 1, 2, 3, 4, 2])
    paths = Crf(transitions).decode(emissions, lengths)
    for row, length in enumerate(lengths.tolist()):
        assert paths[row, :length].tolist() == _best_by_trying_all(transitions, emissions[:length, row])


def test_walking_through_padding_gives_upstreams_paths() -> None:
    with warnings.catch_warnings(action="ignore"):
        from booknlp.common.crf import CRF
    differing = 0
    for seed in range(60):
        transitions, emissions = _case(seed, 9, 4)
        lengths = np.array([3, 8, 5, 9])
        upstream = CRF(_TAGS - 2, "cpu")
        upstream.transitions.data = transitions
        with torch.no_grad():
            _, expected = upstream.viterbi_decode(emissions.transpose(0, 1), torch.from_numpy(lengths))
        crf = Crf(transitions)
        assert crf.decode(emissions, lengths, 9 - lengths).tolist() == expected.tolist()
        differing += int((crf.decode(emissions, lengths)[0, :3] != expected[0, :3].numpy()).any())
    assert differing, "upstream's walk through the padding changes the tags of short sequences"


def test_an_empty_sequence_does_no_harm() -> None:
    transitions, emissions = _case(7, 3, 2)
    paths = Crf(transitions).decode(emissions, np.array([0, 3]), np.array([3, 0]))
    assert paths[1].tolist() == _best_by_trying_all(transitions, emissions[:, 1])
