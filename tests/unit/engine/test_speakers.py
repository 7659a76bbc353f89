import pytest

from gpu_worker.engine import names, speakers
from gpu_worker.engine.document import Mention, Quote, Token
from gpu_worker.engine.pack import Pack, load_pack
from tests.unit.engine import tiny
from tests.unit.engine.conftest import mentions_of, tokens_of


@pytest.fixture(scope="module")
def mini() -> Pack:
    return load_pack(tiny.MINI, "cpu")


def _attribute(
    pack: Pack, tokens: list[Token], quotes: list[Quote], mentions: list[Mention], *, compat: bool = False
) -> list[int | None]:
    if compat:
        return speakers.attribute_each(quotes, mentions, tokens, pack, advance=lambda _: None)
    persons = speakers.by_names(mentions, [names.UNRESOLVED] * len(mentions))
    turns = speakers.attribute(quotes, mentions, persons, tokens, pack, advance=lambda _: None)
    return [None if turn is None else turn.mention for turn in turns]


def test_the_one_named_by_the_verb_of_speech_speaks(mini: Pack) -> None:
    tokens = tokens_of("Jane looked at Mary . “ Come here , ” said Elizabeth .", "“ I will not , ” said Mary .")
    mentions = mentions_of(
        tokens, (0, 0, "PROP", "PER"), (3, 3, "PROP", "PER"), (11, 11, "PROP", "PER"), (20, 20, "PROP", "PER")
    )
    assert _attribute(mini, tokens, [Quote(5, 9), Quote(13, 18)], mentions) == [2, 3]


def test_a_quote_without_candidates_shifts_the_others_in_compat_alone(mini: Pack) -> None:
    """Upstream writes `attributions[prediction_id]`, which counts only the quotes it scored (`bert_qa.py`)."""
    tokens = tokens_of("“ Who ? ”", *["words of nobody at all " * 12] * 2, "“ Come , ” said Elizabeth to Jane .")
    last = len(tokens) - 9
    assert tokens[last].word == "“"
    mentions = mentions_of(tokens, (last + 5, last + 5, "PROP", "PER"), (last + 7, last + 7, "PROP", "PER"))
    quotes = [Quote(0, 3), Quote(last, last + 3)]
    assert _attribute(mini, tokens, quotes, mentions) == [None, 0]
    assert _attribute(mini, tokens, quotes, mentions, compat=True) == [0, None]


def test_nobody_speaks_where_nobody_is_named(mini: Pack) -> None:
    tokens = tokens_of("“ Come ” London “ Go ”")
    places = mentions_of(tokens, (3, 3, "PROP", "GPE"))
    assert _attribute(mini, tokens, [Quote(0, 2), Quote(4, 6)], places) == [None, None]
    assert _attribute(mini, tokens, [Quote(0, 2)], []) == [None]
    assert _attribute(mini, tokens, [], places) == []


def test_people_named_within_quotes_are_no_candidates(mini: Pack) -> None:
    tokens = tokens_of("“ Jane is here ” said he .")
    mentions = mentions_of(tokens, (1, 1, "PROP", "PER"), (6, 6, "PRON", "PER"))
    assert _attribute(mini, tokens, [Quote(0, 4)], mentions) == [1]


def test_an_endless_quote_and_endless_words_are_read_in_bounded_time(mini: Pack) -> None:
    words = "“ " + "talk " * 50_000 + "” said Jane " + f"{'x' * 100_000} " * 20 + "“ Yes ” " * 60
    tokens = tokens_of(words)
    jane = next(token.id for token in tokens if token.word == "Jane")
    first = Quote(0, jane - 2)
    begin = jane + 21
    quotes = [first, *(Quote(start, start + 2) for start in range(begin, len(tokens), 3))]
    found = _attribute(mini, tokens, quotes, mentions_of(tokens, (jane, jane, "PROP", "PER")))
    assert found == [0] * len(quotes)
