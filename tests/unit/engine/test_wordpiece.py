import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_worker.engine import wordpiece
from gpu_worker.engine.layout import ADDED_TOKENS, Model
from gpu_worker.engine.pack import read_vocabulary
from gpu_worker.engine.wordpiece import MOST_PIECES, WordPiece
from tests.unit.engine.tiny import MINI

WORDS = [
    "mr.", "n't", "well-known", "...", "Élan", "İ", "ǅ", "naïve", "[CAP]", "x[SEP]y", "[PAR]", "“", "don’t",
    "a" * 100, "a" * 101, "😀", "مرحبا", "ﬁ", "#", "##s", "mis-taken", "\u200b", "3,000", "'s", "[", "[QUOTE]s",
]  # fmt: skip


def _oracle(model: Model) -> Any:
    with warnings.catch_warnings(action="ignore"):
        from transformers import BertTokenizer

        tokenizer = BertTokenizer(  # type: ignore[no-untyped-call]  # in transformers
            MINI / "vocab.txt", do_lower_case=False, do_basic_tokenize=False
        )
        tokenizer.add_tokens(list(ADDED_TOKENS[model]), special_tokens=True)
    return tokenizer


def _ours(model: Model) -> WordPiece:
    vocabulary = read_vocabulary(MINI)
    return WordPiece(vocabulary, {token: len(vocabulary) + place for place, token in enumerate(ADDED_TOKENS[model])})


@pytest.fixture(scope="module", params=[Model.TAGGER, Model.SPEAKER])
def both(request: pytest.FixtureRequest) -> tuple[WordPiece, Any]:
    return _ours(request.param), _oracle(request.param)


def _expected(oracle: Any, text: str) -> list[int]:
    pieces: list[int] = oracle.convert_tokens_to_ids(oracle.tokenize(text))
    return pieces


@pytest.mark.parametrize("word", [*WORDS, "[CAP] mr.", "[CAP] well-known"])
def test_a_word_has_the_pieces_that_the_models_were_trained_with(both: tuple[WordPiece, Any], word: str) -> None:
    ours, oracle = both
    assert list(ours.split(word)) == _expected(oracle, word)


@settings(max_examples=300, deadline=None)
@given(st.text(min_size=1, max_size=30).filter(lambda text: text.strip()))
def test_any_text_has_the_same_pieces_as_in_transformers(text: str) -> None:
    assert list(_TAGGER.split(text)) == _expected(_ORACLE, text)


_TAGGER, _ORACLE = _ours(Model.TAGGER), _oracle(Model.TAGGER)


def test_capitalised_words_are_marked_and_only_the_speaker_model_lowers_the_others() -> None:
    ours = _TAGGER
    plain = ours.split_all(["The", "eNd"])
    assert plain.ids[: plain.offsets[1]].tolist() == [ours.id_of("[CAP]"), *ours.split("the")]
    assert plain.ids[plain.offsets[1] :].tolist() == list(ours.split("eNd"))
    assert ours.split_all(["eNd"], lower=True).ids.tolist() == list(ours.split("end"))


def test_a_word_of_more_pieces_than_an_encoder_reads_at_once_is_unknown() -> None:
    bert = _ours(Model.TAGGER)
    assert len(bert.split("[SEP]" * MOST_PIECES)) == MOST_PIECES
    assert bert.split("[SEP]" * (MOST_PIECES + 1)) == (bert.id_of("[UNK]"),)


def test_words_are_not_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    bert = _ours(Model.TAGGER)
    monkeypatch.setattr(wordpiece, "_MOST_REMEMBERED", 3)
    for text in ("one two three four", "five six", "one two"):
        bert.split_all(text.split())
    assert set(bert._cache) == {"five", "six", "one", "two"}


def test_repeated_words_keep_their_order() -> None:
    words = ["to", "be", "or", "not", "to", "be", "Hamlet's"]
    pieces = _TAGGER.split_all(words)
    one_by_one = [_TAGGER.split_all([word]).ids for word in words]
    assert pieces.ids.tolist() == np.concatenate(one_by_one).tolist()
    assert pieces.counts.tolist() == [len(ids) for ids in one_by_one]


def test_no_words_have_no_pieces() -> None:
    assert _TAGGER.split_all([]).offsets.tolist() == [0]
