import pytest

from gpu_worker.engine.addressing import Said, said
from gpu_worker.engine.document import Quote
from tests.unit.engine.conftest import mentions_of, tokens_of

LIZZY = 7


def said_in(text: str, name: str = "Lizzy", prop: str = "PROP") -> Said:
    tokens = tokens_of(text)
    words = [token.word for token in tokens]
    place = words.index(name)
    quotes = [Quote(words.index("“"), words.index("”"))]
    return next(said(quotes, mentions_of(tokens, (place, place, prop, "PER")), tokens, [{LIZZY: 1.0}]))


@pytest.mark.parametrize(
    "text",
    [
        "“ Lizzy , come here ! ”",
        "“ Come , my dear Lizzy ! ”",
        "“ Oh Lizzy ! ”",
        "“ Come here , Lizzy ”",
        "“ But – Lizzy – no ”",
    ],
)
def test_a_name_that_marks_set_apart_is_called(text: str) -> None:
    assert said_in(text) == Said(called=frozenset({LIZZY}))


@pytest.mark.parametrize("text", ["“ Lizzy is here . ”", "“ I saw Lizzy . ”", "“ Dear me , I met Lizzy there ”"])
def test_a_name_within_a_sentence_is_spoken_of(text: str) -> None:
    assert said_in(text) == Said(named=frozenset({LIZZY}))


def test_only_names_of_people_within_the_quote_count() -> None:
    assert said_in("“ Come here ! ” said Lizzy .") == Said()
    tokens = tokens_of("“ Come Lizzy ” Bennet")
    across = mentions_of(tokens, (2, 4, "PROP", "PER"))
    assert next(said([Quote(0, 3)], across, tokens, [{LIZZY: 1.0}])) == Said()
    assert said_in("“ She , come ! ”", name="She", prop="PRON") == Said()


def test_a_text_that_is_one_name_calls_nobody() -> None:
    tokens = tokens_of("Lizzy")
    mentions = mentions_of(tokens, (0, 0, "PROP", "PER"))
    assert list(said([Quote(0, 0)], mentions, tokens, [{LIZZY: 1.0}])) == [Said(named=frozenset({LIZZY}))]
