import textwrap

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spacy.language import Language

from gpu_worker.engine.errors import UnreadableText
from gpu_worker.engine.source import Source
from gpu_worker.engine.syntax import Parse
from gpu_worker.engine.tokens import assemble, read

TEXTS = st.text(st.sampled_from("ab .,'\"“”’—-\n\r\t\x00\ufeff\u2028\x85é😀א\ud800()…"), min_size=1, max_size=80)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(text=TEXTS, compat=st.booleans())
def test_any_text_is_read_or_refused(nlp: Language, text: str, compat: bool) -> None:
    try:
        tokens = read(nlp, text, compat=compat, advance=lambda _: None)
    except UnreadableText:
        assert not text.removeprefix("\ufeff").strip()
        return
    assert [token.id for token in tokens] == list(range(len(tokens)))
    assert all(token.word and not any(map(str.isspace, token.word)) for token in tokens)
    if not compat:
        assert all(0 <= token.head < len(tokens) for token in tokens)
        given_words = [text[token.onset : token.offset] for token in tokens]
        assert [word.encode("utf-8", "replace") for word in given_words] == [
            token.word.replace("\N{REPLACEMENT CHARACTER}", "?").encode() for token in tokens
        ]


def test_sentences_and_paragraphs_are_counted(nlp: Language) -> None:
    tokens = read(nlp, "He came home. She left.\n\nIt rained.", compat=False, advance=lambda _: None)
    assert [(token.paragraph, token.sentence, token.index_in_sentence) for token in tokens if token.word == "."] == [
        (0, 0, 3),
        (0, 1, 2),
        (1, 2, 2),
    ]


@pytest.mark.parametrize(("compat", "paragraphs"), [(False, {0, 1}), (True, {0})])
def test_a_blank_line_with_spaces_ends_a_paragraph_but_in_compat(
    nlp: Language, compat: bool, paragraphs: set[int]
) -> None:
    tokens = read(nlp, "He came home.\n  \nShe left.", compat=compat, advance=lambda _: None)
    assert {token.paragraph for token in tokens} == paragraphs


A_PAGE = (
    "“Good morning,” said Anne. She had come by the early train.",
    "“How is your mother? And the boys?”",
    "Robert looked at her as if he had never seen an aunt before, and she laughed. “They are well,” he said.",
)


@pytest.mark.parametrize(("compat", "last"), [(False, 3), (True, 1)])
def test_each_line_is_a_paragraph_where_lines_hold_whole_sentences_but_in_compat(
    nlp: Language, compat: bool, last: int
) -> None:
    tokens = read(nlp, "\n\n".join(["CHAPTER I", "\n".join(A_PAGE)]), compat=compat, advance=lambda _: None)
    assert tokens[-1].paragraph == last


@pytest.mark.parametrize(
    "lines",
    [textwrap.wrap(" ".join(A_PAGE), 40), " ".join(A_PAGE).replace(". ", ".\n").replace("? ", "?\n").split("\n")],
    ids=["wrapped", "a sentence each"],
)
def test_lines_of_less_than_a_paragraph_end_none(nlp: Language, lines: list[str]) -> None:
    tokens = read(nlp, "\n".join(lines), compat=False, advance=lambda _: None)
    assert {token.paragraph for token in tokens} == {0}


def test_a_line_end_ends_no_paragraph_where_blank_lines_do(nlp: Language) -> None:
    text = "\n\n".join([*A_PAGE, "\n".join(A_PAGE[:2]), *A_PAGE])
    assert read(nlp, text, compat=False, advance=lambda _: None)[-1].paragraph == 6


def test_white_space_before_the_text_starts_a_paragraph_as_in_upstream(nlp: Language) -> None:
    tokens = read(nlp, "\n\nHe came.", compat=True, advance=lambda _: None)
    assert {token.paragraph for token in tokens} == {1}


@pytest.mark.parametrize(("compat", "heads"), [(False, [0, 1]), (True, [-1, 0])])
def test_a_word_that_hangs_from_white_space_is_its_own_head_but_in_compat(compat: bool, heads: list[int]) -> None:
    spaces = np.array([True, False, True, False])
    parse = Parse(np.arange(4), np.array([0, 0, 2, 2]), spaces, spaces, np.zeros((4, 5), dtype=np.uint64))
    tokens = assemble(Source.of("\na\nb", compat=compat), parse, {0: "x"}, compat=compat)
    assert [token.head for token in tokens] == heads
