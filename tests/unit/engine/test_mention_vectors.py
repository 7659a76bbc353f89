from dataclasses import replace

import pytest
import torch

from gpu_worker.engine import tagging
from gpu_worker.engine.document import Mention, Task
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


@pytest.mark.parametrize("compat", [False, True])
def test_coreference_reads_the_taggers_windows_but_in_compat(pack: Pack, *, compat: bool) -> None:
    short, long = "she saw her father .", "she saw her father and he saw her ."
    filled = [short] * ((MOST_PIECES - 1 - len(long.split())) // len(short.split())) + [long]
    sentences = [number for number, words in enumerate(2 * filled) for _ in words.split()]
    tokens = [
        replace(token, sentence=sentence)
        for token, sentence in zip(tokens_of(" ".join(2 * filled)), sentences, strict=True)
    ]
    assert len(tokens) == 2 * (MOST_PIECES - 1)
    reader = pack.shared_reader(tokens, compat=compat)
    found = tagging.tag(
        tokens, pack, tasks=frozenset({Task.ENTITY}), compat=compat, advance=lambda _: None, reader=reader
    )
    assert reader is not None
    read: list[float] = []
    with torch.inference_mode():
        reader.read(found.mentions, read.append)
    assert bool(read) == compat, "by default nothing is left to read, with compat the second window is"


def test_mentions_that_narration_has_read_are_not_read_again(pack: Pack) -> None:
    tokens = tokens_of("she saw her father .")
    mentions = [Mention(0, 0, "PRON", "PER", "she"), Mention(2, 3, "NOM", "PER", "her father")]
    reader = MentionReader(tokens, pack.coref, compat=False)
    read: list[float] = []
    with torch.inference_mode():
        vectors = reader.read(mentions, read.append)
        assert read
        read.clear()
        again = reader.read(mentions, read.append)
    assert again is vectors
    assert not read
