"""Whether the people of a novel are those whom a reader would name."""

from typing import cast

from benchmarks.readers import BOOKS, Person, verdicts
from gpu_worker.engine.characters import Character

EMMA = Person("Emma", "she", frozenset({"emma", "miss woodhouse"}))
KNIGHTLEY = Person("Mr. Knightley", "he", frozenset({"mr. knightley"}))


def character(number: int, pronoun: str, *names: str) -> Character:
    return cast(
        "Character",
        {
            "id": number,
            "g": {"argmax": f"{pronoun}/…"},
            "mentions": {"proper": [{"n": name, "c": 9} for name in names], "common": [], "pronoun": []},
        },
    )


def test_who_is_there_once_under_the_right_pronoun_is_right() -> None:
    shown = [character(1, "she", "Miss Woodhouse", "Emma"), character(2, "he", "Mr. Knightley")]
    assert verdicts([EMMA, KNIGHTLEY], shown) == [
        "     2 of the 2 whom a reader would name are there, once, alone, rightly called"
    ]


def test_who_is_absent_split_or_miscalled_is_told() -> None:
    def verdict(*shown: Character) -> str:
        return verdicts([EMMA], shown)[1].strip()

    assert verdict(character(1, "she", "Harriet", "Emma")) == "Emma: not among the first 15"
    assert verdict(character(1, "she", "Emma"), character(2, "she", "Miss Woodhouse")) == (
        "Emma: 2 characters instead of one"
    )
    assert verdict(character(1, "she", "Emma", "Harriet")) == "Emma: together with Harriet 9"
    assert verdict(character(1, "he", "Emma")) == "Emma: called he instead of she"


def test_a_reader_names_ten_people_of_each_book_and_nobody_twice() -> None:
    for people in BOOKS.values():
        names = [name for person in people for name in person.names]
        assert len(people) == 10
        assert len(names) == len(set(names))
