import itertools

import pytest

from gpu_worker.engine.document import Mention, Token
from gpu_worker.engine.kinship import Kinship
from gpu_worker.engine.names import UNRESOLVED
from tests.unit.engine.conftest import tokens_of

ELIZABETH, FATHER, MOTHER, COUSIN = 1, 2, 3, 4
THE_BENNETS = [
    (ELIZABETH, "Elizabeth", 5),
    (ELIZABETH, "Elizabeth Bennet", 2),
    (FATHER, "Mr. Bennet", 4),
    (MOTHER, "Mrs. Bennet", 3),
]


def relative_of(person: int, noun: str, named: list[tuple[int, str, int]]) -> int | None:
    """Return whom a noun phrase after a book's names means, whose first word is a mention of `person`."""
    tokens = tokens_of(" ".join([*(name for _, name, count in named for _ in range(count)), noun]))
    mentions: list[Mention] = []
    refs: list[int] = []
    at = itertools.count()
    for ref, name, count in named:
        for _ in range(count):
            mentions.append(_mention(tokens, [next(at) for _ in name.split()], "PROP"))
            refs.append(ref)
    whole = [next(at) for _ in noun.split()]
    mentions += [_mention(tokens, whole[:1], "PRON"), _mention(tokens, whole, "NOM")]
    kinship = Kinship.of(mentions, tokens, [*refs, UNRESOLVED, UNRESOLVED])
    clusters = [*refs, person, 99]
    relative = kinship.relative(len(mentions) - 1, clusters)
    assert kinship.told(clusters) == (frozenset() if relative is None else {len(mentions) - 1})
    return relative


def _mention(tokens: list[Token], places: list[int], prop: str) -> Mention:
    return Mention(places[0], places[-1], prop, "PER", " ".join(tokens[place].word for place in places))


@pytest.mark.parametrize(
    ("person", "noun", "relative"),
    [
        (ELIZABETH, "her father", FATHER),
        (ELIZABETH, "Her own dear mother", MOTHER),
        (FATHER, "his wife", MOTHER),
        (MOTHER, "her husband", FATHER),
    ],
)
def test_names_tell_who_a_relative_is(person: int, noun: str, relative: int) -> None:
    assert relative_of(person, noun, THE_BENNETS) == relative


@pytest.mark.parametrize(
    ("person", "noun"),
    [
        (ELIZABETH, "her sister"),
        (ELIZABETH, "her husband"),
        (FATHER, "his father"),
        (MOTHER, "her mother"),
        (COUSIN, "his father"),
        (99, "her father"),
        (ELIZABETH, "her friend and the dear old father"),
    ],
)
def test_names_do_not_tell_of_others(person: int, noun: str) -> None:
    """Of sisters there are many, a young woman's husband has another name, and a wife's mother too."""
    assert relative_of(person, noun, THE_BENNETS) is None


def test_a_name_met_once_or_twice_founds_no_family() -> None:
    named = [(ELIZABETH, "Elizabeth Bennet", 5), (FATHER, "Mr. Bennet", 2)]
    assert relative_of(ELIZABETH, "her father", named) is None


def test_of_two_who_bear_the_title_and_the_surname_neither_is_meant_but_where_one_is_hardly_met() -> None:
    two = [(ELIZABETH, "Isabella Knightley", 5), (FATHER, "Mr. Knightley", 30), (COUSIN, "Mr. John Knightley", 4)]
    assert relative_of(ELIZABETH, "her father", two) is None
    hardly = [*two[:2], (COUSIN, "Mr. John Knightley", 3)]
    assert relative_of(ELIZABETH, "her father", hardly) == FATHER


def test_nobody_is_their_own_relative() -> None:
    assert relative_of(FATHER, "his father", [(FATHER, "Mr. Darcy", 9), (FATHER, "Fitzwilliam Darcy", 20)]) is None


def test_dialect_has_titles_too() -> None:
    named = [(ELIZABETH, "Colin Craven", 5), (FATHER, "Mester Craven", 3)]
    assert relative_of(ELIZABETH, "his father", named) == FATHER


def test_names_that_belong_to_nobody_yet_found_no_family() -> None:
    named = [(ELIZABETH, "Elizabeth Bennet", 5), (UNRESOLVED, "Mr. Bennet", 9)]
    assert relative_of(ELIZABETH, "her father", named) is None


def test_a_noun_that_begins_with_another_noun_tells_of_nobody() -> None:
    tokens = tokens_of("The boy 's father")
    boy, father = _mention(tokens, [0, 1], "NOM"), _mention(tokens, [0, 1, 2, 3], "NOM")
    assert Kinship.of([boy, father], tokens, [UNRESOLVED] * 2).nouns == {}


def test_a_noun_that_begins_with_nobody_tells_of_nobody() -> None:
    tokens = tokens_of("The father")
    assert Kinship.of([_mention(tokens, [0, 1], "NOM")], tokens, [UNRESOLVED]).nouns == {}
