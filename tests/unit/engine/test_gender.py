from gpu_worker.engine.document import Mention, ReferentialGender, Token
from gpu_worker.engine.gender import complete, infer
from gpu_worker.engine.options import CATEGORIES
from tests.unit.engine.conftest import mentions_of, tokens_of

HE, SHE, THEY = "he/him/his", "she/her", "they/them/their"


def book(name: str, pronoun: str, times: int = 5) -> tuple[list[Token], list[Mention], list[int]]:
    """Return a book in which one pronoun follows one name, so many times over."""
    tokens = tokens_of(f"{name} saw {pronoun} " * times)
    width = len(name.split())
    starts = range(0, len(tokens), width + 2)
    spans = [
        span
        for start in starts
        for span in (
            (start, start + width - 1, "PROP", "PER"),
            (start + width + 1, start + width + 1, "PRON", "PER"),
        )
    ]
    return tokens, mentions_of(tokens, *spans), [1, -1] * times


def test_pronouns_nearby_tell_the_gender_of_an_unknown_name() -> None:
    gender = infer(*book("Zyx", "she"), CATEGORIES)[1]
    assert gender.argmax == SHE
    assert gender.max > 0.9
    assert gender.inference[SHE] == gender.max


def test_a_known_name_has_a_gender_without_pronouns() -> None:
    tokens, mentions, refs = book("Tom", "it")
    assert infer(tokens, mentions, refs, CATEGORIES)[1].argmax == HE


def test_the_book_overrules_what_is_known_of_a_name() -> None:
    tokens, mentions, refs = book("Tom", "she", times=5)
    assert infer(tokens, mentions, refs, CATEGORIES)[1].argmax == HE
    tokens, mentions, refs = book("Tom", "she", times=50)
    assert infer(tokens, mentions, refs, CATEGORIES)[1].argmax == SHE


def test_a_title_outweighs_a_name() -> None:
    tokens, mentions, refs = book("Mrs. Tom", "it")
    assert infer(tokens, mentions, refs, CATEGORIES)[1].argmax == SHE


def test_a_pronoun_does_not_tell_of_who_is_named_far_before() -> None:
    tokens = tokens_of("Zyx " + "word " * 30 + "she")
    mentions = mentions_of(tokens, (0, 0, "PROP", "PER"), (31, 31, "PRON", "PER"))
    shares = infer(tokens, mentions, [1, -1], CATEGORIES)[1].inference
    assert len(set(shares.values())) == 1


def test_one_category_tells_nothing() -> None:
    assert infer(*book("Zyx", "she"), (("she", "her"),)) == {}


def test_clusters_without_gender_get_that_of_their_pronouns() -> None:
    tokens = tokens_of("she her he word")
    mentions = mentions_of(tokens, *((place, place, "PRON", "PER") for place in range(4)))
    genders = complete({}, mentions, [7, 7, 7, 8], CATEGORIES)
    assert genders.keys() == {7}
    assert (genders[7].argmax, genders[7].total) == (SHE, 3)
    assert genders[7].inference[HE] == 1 / 3


def test_a_gender_that_is_known_stays() -> None:
    tokens = tokens_of("she")
    known = {7: ReferentialGender({THEY: 1.0}, THEY, 1.0, 5.0)}
    assert complete(known, mentions_of(tokens, (0, 0, "PRON", "PER")), [7], CATEGORIES) == known
