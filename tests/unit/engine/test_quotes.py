import pytest

from gpu_worker.engine.document import Quote
from gpu_worker.engine.quotes import find, inside
from tests.unit.engine.conftest import tokens_of

CASES = {
    "a quote runs from mark to mark": (["“ Come ” he said"], [(0, 2)]),
    "straight marks open and close": (['" Come " he said " now "'], [(0, 2), (5, 7)]),
    "an open quote ends with its paragraph": (["“ Come , he said", "And so on"], [(0, 4)]),
    "an open quote at the end is dropped": (["“ Come ” and “ go"], [(0, 2)]),
    "single marks count where they prevail": (["‘ Come ’ he said"], [(0, 2)]),
    "a clitic is no mark": (["' Come ' he 'd said ' 's ' here"], [(0, 2), (6, 8)]),
    "a mark within a word counts": (['" Come he said."'], [(0, 3)]),
    "of equally frequent marks the first prevails": (["“ Come ” ‘ Go ’"], [(0, 2)]),
    "dashes delimit nothing": (["— Come — he said — “ now ”"], []),
    "no marks, no quotes": (["Nobody spoke"], []),
}


@pytest.mark.parametrize(("paragraphs", "expected"), CASES.values(), ids=CASES.keys())
def test_quotes_are_found(paragraphs: list[str], expected: list[tuple[int, int]]) -> None:
    found = find(tokens_of(*paragraphs), compat=False)
    assert [(quote.start, quote.end) for quote in found] == expected


def test_a_word_that_spells_a_marks_name_is_one_in_compat_alone() -> None:
    tokens = tokens_of("— — — DASH speaks DASH")
    assert find(tokens, compat=True) == [Quote(3, 5)]
    assert find(tokens, compat=False) == []


def test_tokens_in_quotes_are_flagged() -> None:
    assert list(inside([Quote(1, 2), Quote(4, 4)], 6)) == [0, 1, 1, 0, 1, 0]
