import pytest
import torch

from gpu_worker.engine.document import Mention
from gpu_worker.engine.mention_vectors import MentionReader
from gpu_worker.engine.pack import Pack, load_pack
from gpu_worker.engine.windows import MOST_PIECES
from tests.unit.engine import tiny
from tests.unit.engine.conftest import mentions_of, tokens_of


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack(tiny.MINI, "cpu")


def _first_and_last(pack: Pack, mentions: list[Mention], words: int, *, compat: bool) -> list[torch.Tensor]:
    """Return the states of each mention's first and last word, in a sentence of so many words of one piece each."""
    tokens = tokens_of(" ".join(["he", "and", "she", "or"][place % 4] for place in range(words)))
    with torch.inference_mode():
        states = MentionReader(tokens, pack.coref, compat=compat).read(mentions, lambda _: None).states
    return list(torch.unflatten(states, 1, (3, -1))[:, :2])


def test_a_mention_across_a_windows_edge_ends_there_but_in_compat_with_an_unrelated_word(pack: Pack) -> None:
    words = MOST_PIECES + 10
    tokens = tokens_of("x " * words)
    edge = MOST_PIECES - 1
    places = [(2, 2), (edge - 1, MOST_PIECES + 2), (edge, edge)]
    mentions = mentions_of(tokens, *((start, end, "PROP", "PER") for start, end in places))
    third_word, crossing, last_word = _first_and_last(pack, mentions, words, compat=False)
    torch.testing.assert_close(crossing[1], last_word[1])
    assert not torch.allclose(crossing[1], third_word[1], atol=0.01)
    third_word, crossing, last_word = _first_and_last(pack, mentions, words, compat=True)
    torch.testing.assert_close(crossing[1], third_word[1])
