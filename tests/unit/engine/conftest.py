"""Small documents made by hand, and the engine with the bundled pack."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gpu_worker.engine import Engine
from gpu_worker.engine.document import Mention, Token

if TYPE_CHECKING:
    from spacy.language import Language

MakeTokens = Callable[..., list[Token]]


@pytest.fixture(scope="session")
def nlp() -> "Language":
    from gpu_worker.engine import syntax

    return syntax.load()


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine.load(Path("gpu_worker/packs/mini"), device="cpu")


def tokens_of(*paragraphs: str) -> list[Token]:
    """Return the words of some paragraphs, each its own head."""
    words = [(number, word) for number, paragraph in enumerate(paragraphs) for word in paragraph.split()]
    return [
        Token(paragraph, 0, index, index, word, word, index, index + 1, "PROPN", "NNP", "dep", index)
        for index, (paragraph, word) in enumerate(words)
    ]


def mentions_of(tokens: Sequence[Token], *spans: tuple[int, int, str, str]) -> list[Mention]:
    """Return mentions as (first token, last token, prop, category)."""
    return [
        Mention(start, end, prop, category, " ".join(token.word for token in tokens[start : end + 1]))
        for start, end, prop, category in spans
    ]
