import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gpu_worker.engine.bio import TagSet, merged

TAGS = TagSet(["B-a", "I-a", "B-b", "I-b", "O"])
B_A, I_A, B_B, I_B, O, START, STOP = range(7)  # noqa: E741 - the tag O is called so


def test_an_inside_without_its_beginning_becomes_one() -> None:
    tags = np.array([[I_A, I_A, O, I_B, I_A, B_A, I_B], [B_B, I_B, START, I_B, STOP, I_A, I_A]])
    assert TAGS.repaired(tags).tolist() == [
        [B_A, I_A, O, B_B, B_A, B_A, B_B],
        [B_B, I_B, START, B_B, STOP, B_A, I_A],
    ]


def test_spans_end_where_nothing_goes_on() -> None:
    tags = np.array([B_A, I_A, B_A, O, B_B, I_B, I_B])
    assert list(TAGS.spans(tags)) == [(0, 2, "a"), (2, 3, "a"), (4, 7, "b")]
    assert list(TAGS.spans(np.array([], np.int64))) == []


def test_what_was_merged_is_taken_apart_again() -> None:
    groups = merged(np.array([[False, True, True, False, False]]))
    assert groups.tolist() == [[0, 0, 0, 1, 2]]
    assert TAGS.unmerged(np.array([[B_B, I_B, O, O, O]]), groups).tolist() == [[B_B, I_B, I_B, I_B, O]]
    assert TAGS.unmerged(np.array([[O, B_A, I_A, O, O]]), groups).tolist() == [[O, O, O, B_A, I_A]]


@given(st.lists(st.integers(0, 6), min_size=1, max_size=12))
def test_repaired_tags_stay_as_they_are(tags: list[int]) -> None:
    once = TAGS.repaired(np.array([tags]))
    assert TAGS.repaired(once).tolist() == once.tolist()
    covered = sum(end - start for start, end, _ in TAGS.spans(once[0]))
    assert covered == sum(tag < O for tag in tags)
