import random
from collections.abc import Sequence

from gpu_worker.engine.document import Token
from tests.unit.training import tiny
from training.dialogue import without_cues


def words(tokens: Sequence[Token]) -> str:
    return " ".join(token.word for token in tokens)


def test_all_cues_beside_quotes_go_and_what_is_said_stays() -> None:
    novel = tiny.novel()
    bare = without_cues(novel, 1.0, random.Random(0))
    assert words(bare.tokens[15:]).startswith("“ Good day , ” “ I came by the mill . ” “ So you did , ”")
    said = [words(bare.tokens[quote.start : quote.end + 1]) for quote in bare.quotes]
    assert said == [words(novel.tokens[quote.start : quote.end + 1]) for quote in novel.quotes]
    assert bare.speakers == novel.speakers


def test_mentions_keep_their_words_and_those_in_cues_are_left_out() -> None:
    novel = tiny.novel()
    bare = without_cues(novel, 1.0, random.Random(0))
    assert all(words(bare.tokens[m.start : m.end + 1]) == m.text for m in bare.mentions)
    assert len(bare.mentions) == len(novel.mentions) - 2
    assert len(bare.entities) == len(bare.mentions)


def test_no_cue_goes_where_none_is_asked_for() -> None:
    assert without_cues(tiny.novel(), 0.0, random.Random(0)) == tiny.novel()
