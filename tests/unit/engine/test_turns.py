from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from gpu_worker.engine import turns
from gpu_worker.engine.addressing import Said
from gpu_worker.engine.document import Quote, Token
from gpu_worker.engine.turns import Evidence, Relation, Turn, relations
from tests.unit.engine.conftest import tokens_of

ANNA, ROBERT, CARLA = range(3)
NOBODY_TOLD = Evidence(cued=False, mentions={ANNA: 0.0, ROBERT: 0.0}, quotes={})


def cue(person: int, *others: int) -> Evidence:
    """Return what the network makes of a quote beside which the text names its speaker."""
    return Evidence(cued=True, mentions={person: 12.0, **dict.fromkeys(others, 0.0)}, quotes={})


def quotes_of(tokens: Sequence[Token]) -> list[Quote]:
    opening = [token.id for token in tokens if token.word == "“"]
    closing = [token.id for token in tokens if token.word == "”"]
    return [Quote(start, end) for start, end in zip(opening, closing, strict=True)]


def decide(
    quotes: Sequence[Quote], tokens: Sequence[Token], persons: Sequence[int], evidence: Sequence[Evidence]
) -> list[int | None]:
    decided = turns.decide(quotes, tokens, [{person: 1.0} for person in persons], evidence, lambda _: None)
    return [None if turn is None else turn.mention for turn in decided]


def speakers(evidence: Sequence[Evidence], *paragraphs: str, persons: Sequence[int] = range(3)) -> list[int | None]:
    tokens = tokens_of(*paragraphs)
    return decide(quotes_of(tokens), tokens, persons, evidence)


def related(*paragraphs: str) -> list[Relation]:
    tokens = tokens_of(*paragraphs)
    return list(relations(quotes_of(tokens), tokens))


def test_a_paragraph_that_opens_with_a_quote_answers_the_one_before() -> None:
    assert related("“ Come ” said Anna .", "“ No ” .", "Robert left . “ Stay ” said Anna .") == [
        Relation.UNRELATED,
        Relation.ANSWERS,
        Relation.UNRELATED,
    ]


def test_a_paragraph_goes_on_after_words_of_narration() -> None:
    assert related("“ Come ” said Anna , “ quickly ”")[1] is Relation.CONTINUES


def test_quotes_with_no_word_between_them_answer_each_other_where_paragraphs_are_not_marked() -> None:
    assert related("“ Come ” “ No ” – “ Why ”") == [Relation.UNRELATED, Relation.ANSWERS, Relation.ANSWERS]


def test_speech_that_its_paragraph_leaves_open_goes_on_in_the_next() -> None:
    tokens = tokens_of("“ I have a shop .", "“ It is small . ”", "“ Go on ”")
    quotes = [Quote(0, 5), Quote(6, 11), Quote(12, 15)]
    assert list(relations(quotes, tokens)) == [Relation.UNRELATED, Relation.CONTINUES, Relation.ANSWERS]


def test_a_dash_leaves_nothing_open() -> None:
    tokens = tokens_of("— I have a shop .", "— Where ?")
    assert list(relations([Quote(0, 5), Quote(6, 8)], tokens))[1] is Relation.ANSWERS


def test_a_paragraph_of_narration_ends_the_conversation() -> None:
    assert related("“ Come ”", "It rained .", "“ No ”")[1] is Relation.UNRELATED


def test_replies_without_a_cue_go_to_and_fro() -> None:
    told = [cue(ANNA, ROBERT), cue(ROBERT, ANNA), NOBODY_TOLD, NOBODY_TOLD, NOBODY_TOLD]
    talk = ["“ Come ” said Anna", "“ No ” said Robert", "“ Why ”", "“ Because ”", "“ Oh ”"]
    assert speakers(told, *talk) == [ANNA, ROBERT, ANNA, ROBERT, ANNA]


def test_a_cue_at_the_end_tells_who_spoke_before_it() -> None:
    told = [NOBODY_TOLD, NOBODY_TOLD, cue(ANNA, ROBERT)]
    assert speakers(told, "“ Come ”", "“ No ”", "“ Why ” said Anna") == [ANNA, ROBERT, ANNA]


def test_turns_outweigh_a_network_that_names_the_same_person_again_without_a_cue() -> None:
    sure = Evidence(cued=False, mentions={ROBERT: 9.0, ANNA: 0.0}, quotes={})
    told = [cue(ANNA, ROBERT), cue(ROBERT, ANNA), sure, sure]
    assert speakers(told, "“ Come ”", "“ No ”", "“ Why ”", "“ Because ”") == [ANNA, ROBERT, ANNA, ROBERT]


def test_a_cue_outweighs_turns() -> None:
    told = [cue(ANNA, ROBERT, CARLA), cue(ROBERT, ANNA, CARLA), cue(CARLA, ANNA, ROBERT)]
    assert speakers(told, "“ Come ”", "“ No ”", "“ Yes ” said Carla") == [ANNA, ROBERT, CARLA]


def test_one_who_joins_in_is_answered_in_turn() -> None:
    told = [cue(ANNA, ROBERT, CARLA), cue(ROBERT, ANNA, CARLA), cue(CARLA, ANNA, ROBERT), NOBODY_TOLD]
    assert speakers(told, "“ Come ”", "“ No ”", "“ Yes ” said Carla", "“ Never ”")[3] == ROBERT


def test_what_goes_on_in_a_paragraph_has_its_speaker() -> None:
    doubtful = Evidence(cued=True, mentions={ROBERT: 3.0, ANNA: 0.0}, quotes={})
    assert speakers([cue(ANNA, ROBERT), doubtful], "“ Come ” said Anna to Robert , “ quickly ”") == [ANNA, ANNA]


def test_two_mentions_of_one_person_take_that_persons_turn() -> None:
    """Mention 2 is Anna again; the reply is hers by the turns, and is given to the mention nearest to it."""
    again = Evidence(cued=False, mentions={2: 0.0, ROBERT: 0.0}, quotes={})
    told = [cue(ANNA, ROBERT), cue(ROBERT, ANNA), again]
    assert speakers(told, "“ Come ”", "“ No ”", "“ Why ”", persons=(7, 8, 7)) == [ANNA, ROBERT, 2]


def test_the_shares_of_one_persons_mentions_add_up() -> None:
    """Robert is the likeliest mention, and yet Anna, who is called by two, the likeliest person."""
    told = Evidence(cued=False, mentions={ROBERT: 0.5, ANNA: 0.0, 2: 0.1}, quotes={})
    assert speakers([told], "“ Come ”", persons=(7, 8, 7)) == [2]


def test_an_earlier_quote_stands_for_its_speaker() -> None:
    like_the_first = Evidence(cued=False, mentions={CARLA: 0.0}, quotes={0: 9.0})
    told = [cue(ANNA, CARLA), like_the_first]
    assert speakers(told, "“ Come ” said Anna .", "It rained .", "“ Come ”") == [ANNA, ANNA]


def test_many_mentions_of_one_who_stands_about_are_no_more_than_one_who_is_likelier() -> None:
    told = Evidence(cued=True, mentions={ROBERT: 2.0, **dict.fromkeys(range(2, 8), 0.0)}, quotes={})
    assert speakers([told], "“ Come ”", persons=(7, 8, *[7] * 6)) == [ROBERT]


def test_who_is_named_or_called_in_a_quote_does_not_speak_it() -> None:
    for said in (Said(named=frozenset({ROBERT})), Said(called=frozenset({ROBERT}))):
        told = Evidence(cued=False, mentions={ROBERT: 2.0, ANNA: 0.0}, quotes={}, said=said)
        assert speakers([told], "“ Robert , come ”") == [ANNA]


def test_who_is_called_answers() -> None:
    calling = Evidence(cued=True, mentions={ANNA: 12.0}, quotes={}, said=Said(called=frozenset({CARLA})))
    unsure = Evidence(cued=False, mentions={ROBERT: 1.0, CARLA: 0.0}, quotes={})
    assert speakers([calling, unsure], "“ Carla ! ” said Anna .", "“ Yes ”") == [ANNA, CARLA]


def test_who_is_called_in_any_part_of_a_turn_answers() -> None:
    calling = Evidence(cued=True, mentions={ANNA: 12.0}, quotes={}, said=Said(called=frozenset({CARLA})))
    unsure = Evidence(cued=False, mentions={ROBERT: 1.0, CARLA: 0.0}, quotes={})
    talk = ["“ Carla ” said Anna , “ come ! ”", "“ Yes ”"]
    assert speakers([calling, cue(ANNA), unsure], *talk) == [ANNA, ANNA, CARLA]


def test_who_is_called_in_any_part_of_the_answer_had_spoken() -> None:
    unsure = Evidence(cued=False, mentions={ROBERT: 1.0, CARLA: 0.0}, quotes={})
    calling = Evidence(cued=True, mentions={ANNA: 12.0}, quotes={}, said=Said(called=frozenset({CARLA})))
    talk = ["“ Come ! ”", "“ No ” said Anna , “ no , Carla ”"]
    assert speakers([unsure, cue(ANNA), calling], *talk) == [CARLA, ANNA, ANNA]


def test_who_is_called_in_the_answer_had_spoken() -> None:
    unsure = Evidence(cued=False, mentions={ROBERT: 1.0, CARLA: 0.0}, quotes={})
    calling = Evidence(cued=True, mentions={ANNA: 12.0}, quotes={}, said=Said(called=frozenset({CARLA})))
    assert speakers([unsure, calling], "“ Come ”", "“ No , Carla ” said Anna .") == [CARLA, ANNA]


def test_turns_tell_whom_the_pronoun_of_a_cue_means() -> None:
    """The pronoun is as likely Anna's as Carla's; Anna has just spoken."""
    pronoun = 3
    told = [cue(ANNA), cue(pronoun)]
    tokens = tokens_of("“ Come ” said Anna .", "“ No ” said she .")
    persons = [{ANNA: 1.0}, {ROBERT: 1.0}, {CARLA: 1.0}, {ANNA: 0.6, CARLA: 0.4}]
    assert turns.decide(quotes_of(tokens), tokens, persons, told, lambda _: None) == [
        Turn(ANNA, ANNA),
        Turn(pronoun, CARLA),
    ]


def test_nobody_speaks_where_nobody_can_be_named() -> None:
    nobody = Evidence(cued=False, mentions={}, quotes={})
    after_nobody = Evidence(cued=False, mentions={}, quotes={0: 1.0})
    assert speakers([nobody, after_nobody], "“ Come ”", "“ No ”") == [None, None]
    assert speakers([]) == []


def test_a_conversation_of_ten_thousand_turns_is_read() -> None:
    count = 10_000
    tokens = tokens_of(*["“ Yes ”"] * count)
    told = [cue(ANNA, ROBERT), cue(ROBERT, ANNA), *[NOBODY_TOLD] * (count - 2)]
    assert decide(quotes_of(tokens), tokens, range(3), told) == [ANNA, ROBERT] * (count // 2)


def test_who_cancels_is_asked_at_each_quote() -> None:
    tokens = tokens_of(*["“ Yes ”"] * 4)
    shares: list[float] = []
    turns.decide(quotes_of(tokens), tokens, [{0: 1.0}, {1: 1.0}], [NOBODY_TOLD] * 4, shares.append)
    assert shares == [0, 0.25, 0.5, 0.75]


@st.composite
def talks(draw: st.DrawFn) -> tuple[list[str], list[Evidence]]:
    count = draw(st.integers(1, 8))
    paragraphs: list[str] = []
    told = []
    for index in range(count):
        quote = "“ Yes ”"
        where = draw(st.sampled_from(["next", "after narration", "same", "same, after narration"]))
        if where.startswith("same") and paragraphs:
            paragraphs[-1] += " said she , " + quote if where.endswith("narration") else " " + quote
        else:
            paragraphs += ["It rained .", quote] if where == "after narration" else [quote]
        scores = st.floats(-30, 30)
        mentions = draw(st.dictionaries(st.integers(0, 5), scores, max_size=4))
        earlier = draw(st.dictionaries(st.integers(0, index - 1), scores, max_size=3)) if index else {}
        told.append(Evidence(draw(st.booleans()), mentions, earlier))
    return paragraphs, told


@given(talks(), st.lists(st.integers(0, 3), min_size=6, max_size=6))
def test_what_was_read_is_never_read_otherwise_once_its_conversation_is_over(
    talk: tuple[list[str], list[Evidence]], persons: list[int]
) -> None:
    paragraphs, told = talk
    tokens = tokens_of(*paragraphs)
    quotes = quotes_of(tokens)
    whole = decide(quotes, tokens, persons, told)
    assert len(whole) == len(quotes)
    for index, relation in enumerate(relations(quotes, tokens)):
        if relation is Relation.UNRELATED:
            assert decide(quotes[:index], tokens, persons, told[:index]) == whole[:index]


@given(talks(), st.lists(st.integers(0, 3), min_size=6, max_size=6))
def test_only_candidates_and_those_who_spoke_before_speak(
    talk: tuple[list[str], list[Evidence]], persons: list[int]
) -> None:
    paragraphs, told = talk
    candidates: set[int | None] = set()
    for seen, speaker in zip(told, speakers(told, *paragraphs, persons=persons), strict=True):
        candidates |= seen.mentions.keys()
        assert speaker in candidates or (speaker is None and not seen.mentions)
