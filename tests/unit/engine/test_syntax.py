import pytest
from spacy.language import Language

from gpu_worker.engine import syntax


def test_lemmas_are_not_remembered_for_ever(nlp: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syntax, "_MOST_LEMMAS", 2)
    syntax.parse_passage(nlp, "Herons stalked slowly past sleeping whales.", 0)
    syntax.parse_passage(nlp, "It rained.", 0)
    assert len(nlp.get_pipe("lemmatizer").cache) <= 4  # type: ignore[attr-defined]  # any pipe, to spaCy
