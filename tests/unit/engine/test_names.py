import time

import pytest

from gpu_worker.engine.names import NARRATOR, cluster, merge_nominals
from tests.unit.engine.conftest import mentions_of, tokens_of


def clusters(names: list[str], *, compat: bool = False) -> list[int]:
    """Cluster a text that is nothing but names of people."""
    tokens = tokens_of(" ; ".join(names))
    spans, start = [], 0
    for name in names:
        end = start + len(name.split()) - 1
        spans.append((start, end, "PROP", "PER"))
        start = end + 2
    return cluster(tokens, mentions_of(tokens, *spans), bytes(len(tokens)), compat=compat)


CASES = {
    "a part of a name is short for it": (["Tom Sawyer", "Tom", "Sawyer"], [1, 1, 1]),
    "a title is spelt in one way": (["Mr Tom Sawyer", "Mr. Sawyer"], [1, 1]),
    "a title alone names nobody": (["Mr. Sawyer", "Mr."], [1, -1]),
    "a nickname is read as the name": (["Elizabeth Bennet", "Lizzy"], [1, 1]),
    "the order of words matters": (["Tom Sawyer", "Sawyer Tom"], [1, 2]),
    "of several the last met wins": (["Tom Sawyer", "Tom Jones", "Tom"], [1, 2, 2]),
    "spellings differ, the name does not": (["TOM SAWYER", "Tom Sawyer"], [1, 1]),
    "a name of ten words is an error": (["A B C D E F G H I J"], [-1]),
}


@pytest.mark.parametrize(("names", "expected"), CASES.values(), ids=CASES.keys())
def test_people_are_clustered_by_name(names: list[str], expected: list[int]) -> None:
    assert clusters(names) == expected


def test_the_narrator_is_who_says_i_outside_of_quotes() -> None:
    tokens = tokens_of("I saw me and I")
    mentions = mentions_of(tokens, (0, 0, "PRON", "PER"), (2, 2, "PRON", "PER"), (4, 4, "PRON", "PER"))
    assert cluster(tokens, mentions, bytes([0, 0, 0, 0, 1]), compat=False) == [NARRATOR, NARRATOR, -1]


@pytest.mark.parametrize(("compat", "number"), [(False, 1), (True, NARRATOR)])
def test_the_narrators_number_is_kept_for_a_narrator_but_in_compat(compat: bool, number: int) -> None:
    tokens = tokens_of("London")
    mentions = mentions_of(tokens, (0, 0, "PROP", "GPE"))
    assert cluster(tokens, mentions, bytes(1), compat=compat) == [number]


def test_places_are_clustered_by_name_and_category() -> None:
    tokens = tokens_of("London london London")
    spans = [(0, 0, "PROP", "GPE"), (1, 1, "PROP", "GPE"), (2, 2, "PROP", "ORG")]
    assert cluster(tokens, mentions_of(tokens, *spans), bytes(3), compat=False)[:2] == [1, 1]


def test_clusters_that_are_spelt_alike_are_merged() -> None:
    # "Tom" is short for two people in turn; the place named like them is spelt like the larger one throughout.
    tokens = tokens_of("Tom ; Tom")
    mentions = mentions_of(tokens, (0, 0, "PROP", "PER"), (2, 2, "PROP", "GPE"))
    first, second = cluster(tokens, mentions, bytes(3), compat=False)
    assert first == second


def test_common_nouns_that_read_alike_are_one_and_take_their_pronouns_along() -> None:
    tokens = tokens_of("dog Dog it cat")
    mentions = mentions_of(tokens, *((place, place, "NOM", "PER") for place in (0, 1)), (2, 2, "PRON", "PER"))
    assert merge_nominals(mentions, [4, 5, 5], compat=False) == [4, 4, 4]


def test_a_common_noun_that_names_have_resolved_takes_nobody_along() -> None:
    tokens = tokens_of("father Father him Father")
    mentions = mentions_of(tokens, *((place, place, "PRON" if place == 2 else "NOM", "PER") for place in range(4)))
    assert merge_nominals(mentions, [4, 5, 5, 6], compat=False, apart={1}) == [4, 5, 5, 4]


@pytest.mark.parametrize(("compat", "expected"), [(False, [4, 5, 5]), (True, [4, 4, 4])])
def test_what_is_said_to_anyone_is_nobodys_name_but_in_compat(compat: bool, expected: list[int]) -> None:
    tokens = tokens_of("sir Sir you")
    mentions = mentions_of(tokens, *((place, place, "NOM", "PER") for place in (0, 1)), (2, 2, "PRON", "PER"))
    assert merge_nominals(mentions, [4, 5, 5], compat=compat) == expected


@pytest.mark.parametrize(("compat", "expected"), [(False, [1, 1, 1]), (True, [0, 1, 1])])
def test_a_title_in_dialect_is_a_title_but_in_compat(compat: bool, expected: list[int]) -> None:
    assert clusters(["Master Colin", "Mester Colin", "Colin"], compat=compat) == expected


@pytest.mark.parametrize(("compat", "expected"), [(False, [1, 2, 1]), (True, [0, 0, 0])])
def test_a_nickname_is_not_short_for_a_name_with_a_title_of_rank_but_in_compat(
    compat: bool, expected: list[int]
) -> None:
    assert clusters(["Lady Catherine", "Kitty", "Lady Catherine"], compat=compat) == expected


@pytest.mark.parametrize(
    ("names", "ours", "upstreams"),
    [
        (["Mr. Barrymore", "Mrs. Barrymore", "Barrymore"], [1, 2, 1], [0, 1, 1]),
        (["John Barrymore", "Miss Barrymore", "Barrymore"], [1, 2, 1], [0, 1, 1]),
        (["Mrs. Barrymore", "Barrymore"], [1, 1], [0, 0]),
        (["Mr. Barrymore", "Mrs. Barrymore", "Mrs. Barrymore"], [1, 2, 2], [0, 1, 1]),
        (["Catherine Morland", "Lady Catherine", "Catherine"], [1, 2, 1], [0, 1, 1]),
    ],
)
def test_a_surname_alone_is_no_ladys_where_another_bears_it_but_in_compat(
    names: list[str], ours: list[int], upstreams: list[int]
) -> None:
    assert clusters(names) == ours
    assert clusters(names, compat=True) == upstreams


@pytest.mark.parametrize(
    ("names", "ours"),
    [
        (["Susan Sowerby", "Mrs. Sowerby", "Susan Sowerby", "Susan", "Martha Sowerby", "Martha", "Martha"], "1111222"),
        (["Becky Thatcher", "Mrs. Thatcher", "Becky", "Becky"], "1211"),
        (["Frank Churchill", "Mrs. Churchill"], "12"),
        (["Emily Reed", "Jane Reed", "Mrs. Reed"], "123"),
        (["Rosamond Vincy", "Mrs. Vincy", "Miss Vincy"], "123"),
        (["Anne de Bourgh", "Mrs. de Bourgh", "Miss Anne de Bourgh"], "121"),
    ],
)
def test_a_woman_hardly_ever_called_by_her_first_name_is_the_mrs_of_her_surname_but_in_compat(
    names: list[str], ours: str
) -> None:
    """Not so a daughter, a man, one of two sisters, or whoever may be a Miss."""
    assert "".join(map(str, clusters(names))) == ours
    upstreams = clusters(names, compat=True)
    first_of_mrs = next(index for index, name in enumerate(names) if name.startswith("Mrs."))
    assert upstreams.count(upstreams[first_of_mrs]) == 1


@pytest.mark.parametrize("called", [["Forename{0} Surname{0}"], ["Mrs. Surname{0}", "Mary Surname{0}"]])
def test_time_grows_with_the_names_and_not_with_their_square(called: list[str]) -> None:
    started = time.perf_counter()
    clusters([name.format(number) for number in range(20_000) for name in called])
    assert time.perf_counter() - started < 10


def test_names_made_of_nicknames_do_not_fill_the_memory() -> None:
    nicknames = ["Al", "Bert", "El", "Willie", "Lynn", "Bertie"]
    names = [" ".join([*nicknames[shift:], *nicknames[:shift], f"X{shift}"]) for shift in range(6)]
    assert clusters(names) == list(range(1, 7))
