import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from gpu_worker.engine.crf import Crf
from training import crf

TAGS = 5  # start and stop included


def path_score(emissions: Tensor, path: tuple[int, ...], transitions: Tensor) -> Tensor:
    start, stop = TAGS - 2, TAGS - 1
    score = torch.zeros((), dtype=emissions.dtype)
    for step, (before, tag) in enumerate(itertools.pairwise((start, *path))):
        score = score + transitions[tag, before] + emissions[step, tag]
    return score + transitions[stop, path[-1]]


def by_enumeration(emissions: Tensor, gold: tuple[int, ...], transitions: Tensor) -> Tensor:
    paths = itertools.product(range(TAGS), repeat=len(gold))
    scores = torch.stack([path_score(emissions, path, transitions) for path in paths])
    return torch.logsumexp(scores, 0) - path_score(emissions, gold, transitions)


@pytest.fixture
def scored() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    emissions = torch.randn(4, 2, TAGS, generator=generator, dtype=torch.float64) * 2
    transitions = torch.randn(TAGS, TAGS, generator=generator, dtype=torch.float64)
    return emissions.requires_grad_(), transitions.requires_grad_()


def test_the_loss_and_its_gradients_are_those_of_all_paths_enumerated(scored: tuple[Tensor, Tensor]) -> None:
    emissions, transitions = scored
    golds = (0, 2, 1, 1), (1, 0)
    tags = np.array([golds[0], (*golds[1], 0, 0)])
    lengths = np.array([4, 2])
    loss = crf.negative_log_likelihood(emissions, tags, lengths, transitions)
    expected = sum(by_enumeration(emissions[: len(gold), row], gold, transitions) for row, gold in enumerate(golds))
    assert torch.isclose(loss, torch.as_tensor(expected))
    found = torch.autograd.grad(loss, (emissions, transitions))
    wanted = torch.autograd.grad(torch.as_tensor(expected), (emissions, transitions))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_the_path_that_the_engine_decodes_is_the_likeliest(scored: tuple[Tensor, Tensor]) -> None:
    emissions, transitions = (tensor.detach().float() for tensor in scored)
    lengths = np.array([3, 3])
    best = Crf(transitions).decode(emissions[:3], lengths)
    for row in range(2):
        losses = {
            path: float(crf.negative_log_likelihood(emissions[:3, [row]], np.array([path]), lengths[:1], transitions))
            for path in itertools.product(range(TAGS), repeat=3)
        }
        assert min(losses, key=losses.__getitem__) == tuple(best[row].tolist())


def test_what_lies_beyond_a_length_changes_nothing(scored: tuple[Tensor, Tensor]) -> None:
    emissions, transitions = (tensor.detach() for tensor in scored)
    tags, lengths = np.array([[0, 1, 2, 0], [1, 1, 0, 0]]), np.array([4, 2])
    loss = crf.negative_log_likelihood(emissions, tags, lengths, transitions)
    emissions[2:, 1] = 1e3
    tags[1, 2:] = 3
    assert crf.negative_log_likelihood(emissions, tags, lengths, transitions) == loss
