import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_worker.engine.errors import UnreadableText
from gpu_worker.engine.source import LONGEST_WORD, MAX_CHARACTERS, Source

PIECES = st.lists(
    st.sampled_from(["a", "word", " ", "\n", "\r", "\r\n", "\t", "\ufeff", "\x00", "é", "😀", "\ud800", "x" * 2_500])
)


@pytest.mark.parametrize("text", ["", " ", "\n\r\n\t", "\u2003\u00a0", "\ufeff\n"])
def test_a_text_without_a_word_is_unreadable(text: str) -> None:
    with pytest.raises(UnreadableText, match="not white space"):
        Source.of(text, compat=False)


def test_a_text_above_spacys_limit_is_unreadable() -> None:
    with pytest.raises(UnreadableText, match="split it"):
        Source.of("a" * (MAX_CHARACTERS + 1), compat=False)


@given(PIECES.map("".join))
def test_positions_lead_back_to_the_given_characters(given_text: str) -> None:
    if not given_text.removeprefix("\ufeff").strip():
        return
    source = Source.of(given_text, compat=False)
    visible = [place for place, character in enumerate(source.text) if not character.isspace()]
    places = source.positions(np.array(visible, dtype=np.int64)).tolist()
    for place, given_place in zip(visible, places, strict=True):
        replaced = "\ud800" <= given_text[given_place] <= "\udfff"
        assert source.text[place] == ("\N{REPLACEMENT CHARACTER}" if replaced else given_text[given_place])
    assert len(places) == sum(not character.isspace() for character in given_text.removeprefix("\ufeff"))


def test_line_ends_become_newlines() -> None:
    assert Source.of("a\r\nb\rc\nd", compat=False).text == "a\nb\nc\nd"


@pytest.mark.parametrize("text", ["a\rb", "a\r\nb", "a\r\r\nb", "a\r\r\r\n\r\nb"])
def test_compat_reads_line_ends_as_a_text_file_has_them(text: str) -> None:
    assert Source.of(text, compat=True).text == io.StringIO(text, newline=None).read()


def test_positions_count_both_characters_of_a_line_end_but_not_in_compat() -> None:
    place = np.array([2])
    assert Source.of("a\r\nb", compat=False).positions(place).tolist() == [3]
    assert Source.of("a\r\nb", compat=True).positions(place).tolist() == [2]


def test_a_byte_order_mark_is_no_part_of_the_first_word_but_in_compat() -> None:
    assert Source.of("\ufeffThe end", compat=False).text == " The end"
    assert Source.of("\ufeffThe end", compat=True).text == "\ufeffThe end"


def test_an_endless_word_is_cut() -> None:
    words = Source.of("x" * (2 * LONGEST_WORD + 1), compat=False).text.split()
    assert [len(word) for word in words] == [LONGEST_WORD, LONGEST_WORD, 1]


@pytest.mark.parametrize("length", [1, LONGEST_WORD - 1, LONGEST_WORD, LONGEST_WORD + 1, 2 * LONGEST_WORD])
def test_words_are_cut_where_they_are_longer_than_any(length: int) -> None:
    text = f"a {'x' * length} {'y' * length}\r\nb"
    words = Source.of(text, compat=False).text.split()
    parts = [length] if length <= LONGEST_WORD else [LONGEST_WORD, length - LONGEST_WORD]
    assert [len(word) for word in words] == [1, *parts, *parts, 1]
