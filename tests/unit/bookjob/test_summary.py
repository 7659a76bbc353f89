"""What a reader is told first of a result."""

import io
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bookjob.models import Character, Entity, Event, Job, Quote, Reading, Supersense
from bookjob.render import print_summary
from bookjob.summary import Summary, plain, summarize

from .conftest import job, reading


def character(
    number: int,
    count: int,
    *,
    proper: Sequence[tuple[str, int]] = (),
    common: Sequence[tuple[str, int]] = (),
    pronoun: Sequence[tuple[str, int]] = (),
    gender: str | None = None,
) -> dict[str, Any]:
    kinds = {"proper": proper, "common": common, "pronoun": pronoun}
    mentions = {kind: [{"n": name, "c": times} for name, times in names] for kind, names in kinds.items()}
    g = {"inference": {gender: 1.0}, "argmax": gender, "max": 1.0, "total": 9.0} if gender else None
    return {
        "id": number, "count": count, "mentions": mentions, "g": g, "agent": [], "patient": [], "mod": [], "poss": [],
    }  # fmt: skip


def quote(speaker: int | None, words: str, phrase: str | None = None) -> dict[str, Any]:
    return {
        "quote_start": 0, "quote_end": 5, "mention_start": None, "mention_end": None,
        "mention_phrase": phrase, "char_id": speaker, "quote": words,
    }  # fmt: skip


def place(text: str, cat: str = "GPE", prop: str = "PROP") -> dict[str, Any]:
    return {"COREF": 7, "start_token": 0, "end_token": 0, "prop": prop, "cat": cat, "text": text}


def summary_of(**parts: Any) -> Summary:
    return summarize(Reading.model_validate(reading(**parts)))


def test_the_most_mentioned_character_comes_first_under_the_most_frequent_name() -> None:
    found = summary_of(
        characters=[
            character(1, 20, proper=[("Harriet", 12)], gender="she/her"),
            character(
                2, 90, proper=[("Miss Woodhouse", 30), ("Emma", 50)], common=[("her friend", 4)], gender="she/her"
            ),
        ]
    )

    assert [line.name for line in found.characters] == ["Emma", "Harriet"]
    assert found.characters[0].other_names == ("Miss Woodhouse", "her friend")
    assert found.characters[0].pronouns == "she/her"


def test_the_narrator_is_the_character_0_who_says_i() -> None:
    found = summary_of(
        characters=[
            character(0, 900, proper=[("Ishmael", 2)], pronoun=[("I", 700), ("me", 90), ("he", 1)]),
            character(1, 90, proper=[("Ahab", 80)], pronoun=[("I", 10)]),
        ]
    )

    assert [line.name for line in found.characters] == ["Ishmael (narrator)", "Ahab"]


def test_a_narrator_without_a_name_is_called_the_narrator() -> None:
    assert summary_of(characters=[character(0, 9, pronoun=[("I", 9)])]).characters[0].name == "the narrator"


def test_the_character_0_of_a_book_without_a_narrator_is_a_character() -> None:
    found = summary_of(characters=[character(0, 9, proper=[("Emma", 5)], pronoun=[("she", 4)])])

    assert found.characters[0].name == "Emma"


@pytest.mark.parametrize(
    ("mentions", "name"),
    [
        ({"common": [("the old captain", 2)]}, "the old captain"),
        ({"pronoun": [("she", 9), ("her", 2)]}, "someone (“she”)"),
        ({}, "character 5"),
    ],
)
def test_a_character_without_a_name_is_called_by_what_is_known(mentions: dict[str, Any], name: str) -> None:
    assert summary_of(characters=[character(5, 9, **mentions)]).characters[0].name == name


def test_quotes_count_for_their_speakers_with_one_that_tells_something() -> None:
    found = summary_of(
        characters=[character(2, 90, proper=[("Emma", 50)])],
        quotes=[
            quote(2, "“ Oh ! ”", "she"),
            quote(2, "“ I have always thought , ”", "she"),
            quote(2, "“ I will not be trifled with , sir . ”", "Emma"),
            quote(None, "“ Who is there ? ”"),
            quote(4, "“ No . ”", "Mr. Elton"),
        ],
    )

    assert [(line.name, line.quotes) for line in found.speakers] == [("Emma", 3), ("Mr. Elton", 1)]
    assert found.speakers[0].sample == "I will not be trifled with, sir."
    assert found.unattributed_quotes == 1
    assert found.characters[0].quotes == 3


def test_without_coreference_speakers_are_told_apart_by_how_they_are_called() -> None:
    found = summary_of(quotes=[quote(-1, "“ Yes . ”", "Emma"), quote(-1, "“ No . ”", "Harriet"), quote(-1, "“ Hm . ”")])

    assert {(line.name, line.quotes) for line in found.speakers} == {("Emma", 1), ("Harriet", 1)}
    assert found.unattributed_quotes == 1


def test_places_are_what_has_a_name_and_is_a_place() -> None:
    found = summary_of(
        entities=[
            place("Hartfield", "FAC"), place("Highbury"), place("highbury"), place("the river", "LOC", "NOM"),
            place("Emma", "PER"), place("there", "LOC", "PRON"),
        ]
    )  # fmt: skip

    assert found.places == (("Highbury", 2), ("Hartfield", 1))


def test_events_are_counted_by_what_happens() -> None:
    lemmas = ["say", "Say", "come"]
    found = summary_of(events=[{"token_ID_within_document": 1, "word": "x", "lemma": lemma} for lemma in lemmas])

    assert found.events == 3
    assert found.event_lemmas == (("say", 2), ("come", 1))


@pytest.mark.parametrize(
    ("tokens", "printed"),
    [
        ("“ I am , madam . How did you know it ? ”", "“I am, madam. How did you know it?”"),
        ("You ’ve a face like a bill , sir .", "You’ve a face like a bill, sir."),
        ("Do n't go ; it 's late !", "Don't go; it's late!"),
        ("Mrs. Loveday ’s inn ( the _ Herrings _ )", "Mrs. Loveday’s inn (the Herrings)"),
        ("Forty - four years -- or forty - five", "Forty-four years -- or forty-five"),
        ("a\nb\t c", "a b c"),
    ],
)
def test_words_are_set_as_a_printed_book_sets_them(tokens: str, printed: str) -> None:
    assert plain(tokens) == printed


_text = st.text(max_size=40)
_names = st.lists(st.fixed_dictionaries({"n": _text, "c": st.integers(0, 999)}), max_size=3)
_characters = st.builds(
    Character.model_validate,
    st.fixed_dictionaries(
        {
            "id": st.integers(0, 6),
            "count": st.integers(0, 9999),
            "g": st.none()
            | st.fixed_dictionaries({"argmax": st.none() | _text, "inference": st.just({}), "total": st.none()}),
            "mentions": st.fixed_dictionaries({"proper": _names, "common": _names, "pronoun": _names}),
        }
    ),
)
_readings = st.builds(
    Reading,
    characters=st.lists(_characters, max_size=15).map(tuple),
    quotes=st.lists(
        st.builds(
            Quote, quote_start=st.just(0), quote_end=st.just(1), quote=_text,
            mention_phrase=st.none() | _text, char_id=st.none() | st.integers(-1, 8),
        )
    ).map(tuple),
    entities=st.lists(
        st.builds(
            Entity, COREF=st.integers(-1, 9), start_token=st.just(0), end_token=st.just(0), text=_text,
            prop=st.sampled_from(["PROP", "NOM", "PRON"]), cat=st.sampled_from(["PER", "GPE", "LOC", "FAC", "ORG"]),
        )
    ).map(tuple),
    events=st.lists(st.builds(Event, token_ID_within_document=st.just(0), word=_text, lemma=_text)).map(tuple),
    supersenses=st.lists(
        st.builds(Supersense, start_token=st.just(0), end_token=st.just(0), supersense_category=_text, text=_text)
    ).map(tuple),
)  # fmt: skip


@given(_readings)
def test_the_counts_of_any_summary_add_up(found: Reading) -> None:
    summary = summarize(found)

    assert (summary.entities, summary.quotes, summary.events) == tuple(
        map(len, (found.entities, found.quotes, found.events))
    )
    assert sum(line.quotes for line in summary.speakers) + summary.unattributed_quotes <= summary.quotes
    if len(summary.speakers) < 5:
        assert sum(line.quotes for line in summary.speakers) + summary.unattributed_quotes == summary.quotes
    assert sum(count for _, count in summary.event_lemmas) <= summary.events
    mentions = [line.mentions for line in summary.characters]
    assert mentions == sorted(mentions, reverse=True)
    assert all(line.name for line in summary.characters)


@given(_readings, st.integers(20, 120))
def test_any_summary_can_be_printed_on_any_terminal(found: Reading, width: int) -> None:
    console = Console(width=width, record=True, file=io.StringIO())
    print_summary(console, summarize(found), Job.model_validate(job()), [])
    assert "emma" in console.export_text()
