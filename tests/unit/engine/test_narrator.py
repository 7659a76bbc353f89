import pytest

from gpu_worker.engine import quotes
from gpu_worker.engine.names import NARRATOR
from gpu_worker.engine.narrator import named
from tests.unit.engine.conftest import mentions_of, tokens_of

WATSON, HOLMES = 1, 2
#: What the clusters are called.
NAMES = {"Watson": WATSON, "Holmes": HOLMES, "James": 3, "London": 4, "I": NARRATOR}

ADDRESSED = "“ Come , Watson , come ! ” I went . “ My dear Watson ! ” I sat . “ Watson ? ” I stood . Holmes smiled ."


def joined(text: str) -> dict[str, set[int]]:
    """Return the clusters that each name of the text ends in."""
    tokens = tokens_of(text)
    in_quote = quotes.inside(quotes.find(tokens, compat=False), len(tokens))
    places = [place for place, token in enumerate(tokens) if token.word in NAMES]
    kinds = {"I": ("PRON", "PER"), "London": ("PROP", "GPE")}
    mentions = mentions_of(
        tokens, *((place, place, *kinds.get(tokens[place].word, ("PROP", "PER"))) for place in places)
    )
    refs = [-1 if mention.text == "I" and in_quote[mention.start] else NAMES[mention.text] for mention in mentions]
    found = named(tokens, mentions, refs, in_quote)
    ends: dict[str, set[int]] = {}
    for mention, ref in zip(mentions, found, strict=True):
        ends.setdefault(mention.text, set()).add(ref)
    return ends


def test_a_name_that_others_say_to_somebodys_face_and_the_narration_lacks_is_the_narrators() -> None:
    assert joined(ADDRESSED) == {"I": {NARRATOR}, "Watson": {NARRATOR}, "Holmes": {HOLMES}}


def test_a_place_that_is_called_upon_tells_no_story() -> None:
    assert joined(ADDRESSED.replace("Watson", "London"))["London"] == {NAMES["London"]}


UNCERTAIN = {
    "where nobody narrates": ADDRESSED.replace("I ", "he "),
    "where nobody narrates and all is speech": "“ Come , Watson , come ! ” “ My dear Watson ! ” “ Watson ? ”",
    "where hardly anybody does": f"{ADDRESSED} {'The rain fell on the stones and on the grass . ' * 40}",
    "said twice only": ADDRESSED.replace("Watson ?", "Well ?"),
    "that the narration has too": f"{ADDRESSED} Watson smiled .",
    "spoken of before a mark": f"{ADDRESSED} “ I saw {'Watson . I saw ' * 4} him . ”",
    "spoken of after a mark": f"{ADDRESSED} “ So {', Watson went ' * 4} . ”",
    "beside another as frequent": f"{ADDRESSED} “ James ! ” “ James ! ” “ James ! ”",
}


@pytest.mark.parametrize("text", UNCERTAIN.values(), ids=UNCERTAIN.keys())
def test_no_narrator_gets_a_name(text: str) -> None:
    assert joined(text)["Watson"] == {WATSON}
