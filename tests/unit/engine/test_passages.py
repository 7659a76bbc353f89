import re
from pathlib import Path

import numpy as np
import pytest
from spacy.language import Language

from gpu_worker.engine import UnreadableText, passages
from gpu_worker.engine.syntax import Parse, parse_passage

TEXTS = Path("tests/parity/texts")


@pytest.mark.parametrize("name", ["third_person", "with_header", "play_with_dashes"])
@pytest.mark.parametrize("length", [700, 1_200])
def test_passages_parse_as_the_whole_text_does(
    nlp: Language, monkeypatch: pytest.MonkeyPatch, name: str, length: int
) -> None:
    text = (TEXTS / f"{name}.txt").read_text(encoding="utf-8")
    whole = passages.parse(nlp, text, lambda _: None)
    monkeypatch.setattr(passages, "PASSAGE", length)
    monkeypatch.setattr(passages, "OVERLAPS", (400, 800))
    parts = passages.parse(nlp, text, lambda _: None)
    assert parts.says_the_same_as(whole)
    assert np.array_equal(parts.onsets, whole.onsets)
    assert np.array_equal(parts.sentence_starts, whole.sentence_starts)


def test_a_text_without_marks_is_joined_where_whole_passages_are_alike(
    nlp: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Path("examples/the_light_on_corrow_mole.txt").read_text(encoding="utf-8").lower()
    text = " ".join(re.findall(r"[a-z']+", story))[:9_000]
    whole = passages.parse(nlp, text, lambda _: None)
    smaller = tuple(overlap // 8 for overlap in passages.OVERLAPS)
    monkeypatch.setattr(passages, "PASSAGE", passages.PASSAGE // 8)
    monkeypatch.setattr(passages, "OVERLAPS", smaller)
    assert passages.parse(nlp, text, lambda _: None).says_the_same_as(whole)


def test_passages_cover_the_text_and_begin_with_a_word() -> None:
    text = "word " * 20_000
    found = list(passages.cut(text))
    assert len(found) > 1
    assert [start for start, _ in found] == [0, *(end for _, end in found[:-1])]
    assert found[-1][1] == len(text)
    assert all(text[start] == "w" for start, _ in found)


def test_the_share_that_is_parsed_rises_to_the_whole(nlp: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passages, "PASSAGE", 100)
    shares: list[float] = []
    passages.parse(nlp, "He came. She saw it. " * 30, shares.append)
    assert shares == sorted(shares)
    assert len(shares) > 3
    assert shares[-1] == 1.0


def test_marks_without_a_sentence_are_still_read_once(nlp: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passages, "PASSAGE", 500)
    again: list[str] = []

    def parse_again(nlp: Language, passage: str, begin: int) -> Parse:
        again.append(passage)
        return parse_passage(nlp, passage, begin)

    monkeypatch.setattr(passages, "parse_passage", parse_again)
    text = "; " * 2_000
    parse = passages.parse(nlp, text, lambda _: None)
    assert not again, "more of the same has no sentence either"
    assert parse.onsets.tolist() == list(range(0, len(text), 2))
    assert ((parse.heads >= 0) & (parse.heads < len(parse))).all()


def test_more_tokens_than_memory_is_meant_for_are_refused_while_they_are_read(
    nlp: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passages, "PASSAGE", 100)
    monkeypatch.setattr(passages, "MAX_TOKENS", 120)
    shares: list[float] = []
    with pytest.raises(UnreadableText, match=r"more than 120 words and marks, \S+ characters into it: split it"):
        passages.parse(nlp, "\N{WHALE} " * 2_000, shares.append)
    assert shares
    assert shares[-1] < 0.1
