"""The remembered rules say of every text what spaCy's own attribute ruler says."""

from itertools import pairwise

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language

from gpu_worker.engine import attribute_rules, syntax
from gpu_worker.engine.attribute_rules import RememberedRules, remember_rules

_ATTRIBUTES: list[int | str] = ["TAG", "DEP", "POS", "MORPH", "LEMMA"]
#: What spaCy's rules about neighbours and single words are about, beside some words that no rule names.
_WORDS = (
    *("gon", "na", "got", "ta", "let", "'s", "y'", "all", "c'm", "on", "ai", "n't", "there", "is", "was", "it", "i"),
    *("but", "do", "that", "nothin'", "to", "would", "have", "whale", "Emma", "sings", ",", ".", "\n\n", "  ", "12"),
)


@pytest.fixture(scope="module")
def plain() -> Language:
    return spacy.load(syntax.model_folder(), disable=["ner"])


@pytest.fixture(scope="module")
def remembering() -> Language:
    return remember_rules(spacy.load(syntax.model_folder(), disable=["ner"]))


def _agree(plain: Language, remembering: Language, text: str) -> bool:
    ours, theirs = (np.asarray(pipeline(text).to_array(_ATTRIBUTES)) for pipeline in (remembering, plain))
    return np.array_equal(ours, theirs)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I'm gonna leave, I gotta. Let's go! Y'all ain't coming? C'mon.",
        "There's a whale; there is one. There was but one, and nothin' more.",
        "\n\n  It is what it is.\n\nGive it to me, but do as I do.",
    ],
)
def test_rules_about_one_word_and_about_two_come_out_as_spacys(
    plain: Language, remembering: Language, text: str
) -> None:
    assert _agree(plain, remembering, text)
    assert _agree(plain, remembering, text), "what is remembered differs from what was found"


@settings(max_examples=150, deadline=None)
@given(words=st.lists(st.sampled_from(_WORDS), min_size=1, max_size=12))
def test_words_that_rules_are_about_come_out_as_spacys_in_any_order(
    plain: Language, remembering: Language, words: list[str]
) -> None:
    assert _agree(plain, remembering, " ".join(words))


def test_the_pipeline_of_the_engine_remembers(nlp: Language) -> None:
    assert any(isinstance(component, RememberedRules) for _, component in nlp.pipeline)
    assert "attribute_ruler" not in nlp.pipe_names


def test_a_text_that_is_given_up_leaves_no_kind_half_remembered(
    plain: Language, remembering: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    text = "Forty quagmires bewildered Zebulon gloriously."
    with monkeypatch.context() as interrupted:
        interrupted.setattr(RememberedRules, "_matches", interrupt)
        with pytest.raises(KeyboardInterrupt):
            remembering(text)
    assert _agree(plain, remembering, text)


def test_what_is_remembered_stays_bounded(
    plain: Language, remembering: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attribute_rules, "_MOST_KINDS", 8)
    rules = next(component for _, component in remembering.pipeline if isinstance(component, RememberedRules))
    texts = [f"The {one} saw a {other}." for one, other in pairwise(["whale", "heron", "fox", "lark", "mole"])]
    for text in texts:
        assert _agree(plain, remembering, text)
        assert len(rules._met) <= 8 + 6
