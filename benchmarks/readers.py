"""What a pack means for a reader: the people of a novel, beside those whom a reader would name.

    python -m benchmarks.readers BOOK [BOOK ...] [--pack NAME|FOLDER]

Prints each book's first fifteen characters with their names, pronouns and counts. Of the novels below, told by their
files' names, it also says whether each person a reader would name is there, once, alone, under the right pronouns.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import packs
from benchmarks.errors import in_one_line
from gpu_worker.engine import Engine
from gpu_worker.engine.characters import Character

_SHOWN = 15
#: A name that is none of a person's is another person's where it has more than this share of a character's names.
_STRANGE = 0.1
#: So many of a character's names are shown.
_NAMES = 4


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom a reader would name."""

    name: str
    #: The first of the pronouns that the book uses for them.
    pronoun: str
    #: Names that the book gives to nobody else.
    names: frozenset[str]


def _person(pronoun: str, *names: str) -> Person:
    return Person(names[0], pronoun, frozenset(name.lower() for name in names))


#: By a part of the file's name, as Project Gutenberg's readers call the books.
BOOKS: Mapping[str, Sequence[Person]] = {
    "pride_and_prejudice": (
        _person("she", "Elizabeth", "Lizzy", "Eliza", "Miss Elizabeth", "Miss Eliza", "Elizabeth Bennet"),
        _person("he", "Mr. Darcy", "Darcy", "Fitzwilliam Darcy"),
        _person("she", "Jane", "Jane Bennet", "Miss Jane Bennet"),
        _person("he", "Mr. Bingley", "Bingley", "Charles Bingley"),
        _person("she", "Mrs. Bennet"),
        _person("he", "Mr. Wickham", "Wickham", "George Wickham"),
        _person("he", "Mr. Collins", "Collins"),
        _person("she", "Lydia", "Lydia Bennet", "Miss Lydia"),
        _person("he", "Mr. Bennet"),
        _person("she", "Lady Catherine", "Lady Catherine de Bourgh"),
    ),
    "secret_garden": (
        _person("she", "Mary", "Mistress Mary", "Miss Mary", "Mary Lennox"),
        _person("he", "Colin", "Master Colin", "Colin Craven"),
        _person("he", "Dickon", "Dickon Sowerby"),
        _person("she", "Martha", "Martha Sowerby"),
        _person("he", "Ben Weatherstaff", "Ben", "Weatherstaff"),
        _person("she", "Mrs. Medlock", "Medlock", "Sarah Medlock"),
        _person("he", "Mr. Craven", "Archibald Craven", "Mr. Archibald Craven"),
        _person("she", "Mrs. Sowerby", "Susan Sowerby"),
        _person("he", "Dr. Craven", "Doctor Craven"),
        _person("he", "Mr. Roach", "Roach"),
    ),
    "hound_of_the_baskervilles": (
        _person("he", "Watson", "Dr. Watson", "Doctor Watson"),
        _person("he", "Holmes", "Sherlock Holmes", "Mr. Holmes", "Mr. Sherlock Holmes", "Sherlock"),
        _person("he", "Sir Henry", "Sir Henry Baskerville", "Henry Baskerville", "Henry"),
        _person("he", "Dr. Mortimer", "Mortimer", "James Mortimer", "Doctor Mortimer"),
        _person("he", "Stapleton", "Mr. Stapleton", "Jack Stapleton"),
        _person("he", "Barrymore", "Mr. Barrymore", "John Barrymore"),
        _person("he", "Sir Charles", "Sir Charles Baskerville", "Charles Baskerville"),
        _person("she", "Miss Stapleton", "Mrs. Stapleton", "Beryl Stapleton"),
        _person("he", "Lestrade", "Mr. Lestrade"),
        _person("he", "Frankland", "Mr. Frankland"),
    ),
}


@in_one_line
def main() -> None:
    """Read the books of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("books", type=Path, nargs="+")
    parser.add_argument("--pack", default="mini")
    arguments = parser.parse_args()
    engine = Engine.load(packs.find(arguments.pack))
    for path in arguments.books:
        shown = engine.analyze(path.read_text(encoding="utf-8")).characters[:_SHOWN]
        print(f"{path.stem}, read by {engine.pack.name} {engine.pack.version}")
        for place, character in enumerate(shown, 1):
            print(f"{place:4} {character['count']:6} {_pronoun(character) or '–':5} {', '.join(_names(character))}")
        people = next((people for part, people in BOOKS.items() if part in path.stem), ())
        for line in verdicts(people, shown):
            print(line)
        print()


def verdicts(people: Sequence[Person], shown: Sequence[Character]) -> list[str]:
    """Return what is to be said of each person, and how many are as they should be."""
    lines = []
    right = 0
    for person in people:
        fault = _fault(person, [character for character in shown if _is(character, person)])
        right += fault is None
        if fault is not None:
            lines.append(f"     {person.name}: {fault}")
    return (
        [f"     {right} of the {len(people)} whom a reader would name are there, once, alone, rightly called", *lines]
        if people
        else []
    )


def _fault(person: Person, found: Sequence[Character]) -> str | None:
    """Return what is wrong with the characters that go by a person's name, or None."""
    if not found:
        return f"not among the first {_SHOWN}"
    if len(found) > 1:
        return f"{len(found)} characters instead of one"
    (character,) = found
    pronoun = _pronoun(character)
    if pronoun != person.pronoun:
        return f"called {pronoun} instead of {person.pronoun}"
    proper = character["mentions"]["proper"]
    all_names = sum(mention["c"] for mention in proper)
    strange = [
        f"{mention['n']} {mention['c']}"
        for mention in proper
        if mention["n"].lower() not in person.names and mention["c"] > _STRANGE * all_names
    ]
    return f"together with {', '.join(strange)}" if strange else None


def _is(character: Character, person: Person) -> bool:
    """Tell whether the name that a character goes by is the person's."""
    proper = character["mentions"]["proper"]
    return bool(proper) and proper[0]["n"].lower() in person.names


def _pronoun(character: Character) -> str | None:
    """Return the first of the pronouns that the book uses for a character."""
    gender = character["g"]
    return gender["argmax"].partition("/")[0] if gender and gender["argmax"] else None


def _names(character: Character) -> list[str]:
    mentions = character["mentions"]
    named = [*mentions["proper"], *mentions["common"], *mentions["pronoun"]]
    return [f"{mention['n']} {mention['c']}" for mention in (mentions["proper"] or named)[:_NAMES]]


if __name__ == "__main__":
    main()
