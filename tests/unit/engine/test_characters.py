from dataclasses import replace

import pytest

from gpu_worker.engine.characters import Character, describe
from gpu_worker.engine.document import Mention, Token
from tests.unit.engine.conftest import mentions_of, tokens_of

#: word, lemma, part of speech, dependency, head
Row = tuple[str, str, str, str, int]


def parse(*rows: Row) -> list[Token]:
    tokens = tokens_of(" ".join(row[0] for row in rows))
    return [
        replace(token, lemma=lemma, pos=pos, dependency=dependency, head=head)
        for token, (_, lemma, pos, dependency, head) in zip(tokens, rows, strict=True)
    ]


def only_character(tokens: list[Token], place: int) -> Character:
    """Describe who is mentioned at `place`; a second mention without a part makes them a character."""
    spare = replace(tokens[place], id=len(tokens), head=len(tokens))
    known = [*tokens, spare]
    mentions = mentions_of(known, (place, place, "PROP", "PER"), (spare.id, spare.id, "PROP", "PER"))
    return describe(known, mentions, [1, 1], {})[0]


NAME = ("Ann", "Ann", "PROPN")
CASES: dict[str, tuple[list[Row], dict[str, list[str]]]] = {
    "a subject acts, in verbs joined too": (
        [(*NAME, "nsubj", 1), ("ducked", "duck", "VERB", "ROOT", 1), ("ran", "run", "VERB", "conj", 1)],
        {"agent": ["ducked", "ran"]},
    ),
    "an object suffers": ([(*NAME, "dobj", 1), ("saw", "see", "VERB", "ROOT", 1)], {"patient": ["saw"]}),
    "a passive subject suffers": (
        [(*NAME, "nsubjpass", 1), ("seen", "see", "VERB", "ROOT", 1)],
        {"patient": ["seen"]},
    ),
    "the agent of a passive acts": (
        [(*NAME, "pobj", 1), ("by", "by", "ADP", "agent", 2), ("hit", "hit", "VERB", "ROOT", 2)],
        {"agent": ["hit"]},
    ),
    "an owner owns, things joined too": (
        [(*NAME, "poss", 1), ("house", "house", "NOUN", "dobj", 1), ("car", "car", "NOUN", "conj", 1)],
        {"poss": ["house", "car"]},
    ),
    "what somebody is": (
        [
            (*NAME, "nsubj", 1),
            ("was", "be", "AUX", "ROOT", 1),
            ("strong", "strong", "ADJ", "acomp", 1),
            ("happy", "happy", "ADJ", "conj", 2),
        ],
        {"mod": ["strong", "happy"]},
    ),
    "who is joined to a subject acts as well": (
        [(*NAME, "conj", 1), ("Bob", "Bob", "PROPN", "nsubj", 2), ("ran", "run", "VERB", "ROOT", 2)],
        {"agent": ["ran"]},
    ),
}


@pytest.mark.parametrize(("rows", "parts"), CASES.values(), ids=CASES.keys())
def test_syntax_tells_the_part_of_a_mention(rows: list[Row], parts: dict[str, list[str]]) -> None:
    character = only_character(parse(*rows), 0)
    found = {"agent": character["agent"], "patient": character["patient"]}
    found |= {"mod": character["mod"], "poss": character["poss"]}
    words = {part: [relation["w"] for relation in relations] for part, relations in found.items() if relations}
    assert words == parts


def test_who_is_mentioned_once_is_no_character() -> None:
    tokens = tokens_of("Ann Bob Bob")
    mentions = mentions_of(tokens, *((place, place, "PROP", "PER") for place in range(3)))
    assert [character["id"] for character in describe(tokens, mentions, [1, 2, 2], {})] == [2]


def test_the_most_mentioned_comes_first_and_places_do_not_come() -> None:
    tokens = tokens_of("Ann Ann Bob Bob Bob Rome Rome")
    kinds = ["PER"] * 5 + ["GPE"] * 2
    mentions: list[Mention] = mentions_of(tokens, *((place, place, "PROP", kind) for place, kind in enumerate(kinds)))
    characters = describe(tokens, mentions, [1, 1, 2, 2, 2, 3, 3], {})
    assert [(character["id"], character["count"]) for character in characters] == [(2, 3), (1, 2)]
    assert characters[0]["mentions"]["proper"] == [{"c": 3, "n": "Bob"}]
