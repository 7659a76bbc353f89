import itertools
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training import scoring

# The worked example of Pradhan et al. (ACL 2014), figures 1 and 2: key and response, with spurious and missed mentions.
KEY = ["abc", "defg"]
RESPONSE = ["ab", "cd", "fghi"]

Metric = Callable[[list[str], list[str]], scoring.Counts]


@pytest.mark.parametrize(
    ("metric", "recall", "precision", "f1"),
    [
        (scoring.muc, 0.4, 0.4, 0.4),
        (scoring.b_cubed, 0.4167, 0.5, 0.4545),
        (scoring.ceaf_e, 0.65, 0.4333, 0.52),
    ],
)
def test_clusters_score_as_in_the_published_example(metric: Metric, recall: float, precision: float, f1: float) -> None:
    counts = metric(KEY, RESPONSE)
    assert (counts.recall, counts.precision, counts.f1) == pytest.approx((recall, precision, f1), abs=5e-4)


@pytest.mark.parametrize("metric", [scoring.b_cubed, scoring.ceaf_e])
def test_clusters_that_agree_score_one(metric: Metric) -> None:
    assert metric(["ab", "c"], ["c", "ab"]).f1 == 1


def test_links_between_single_mentions_are_none() -> None:
    assert scoring.muc(["a", "b"], ["a", "b"]).f1 == 0


def test_a_span_of_another_category_is_not_found() -> None:
    counts = scoring.matches({(0, 1, "PER"), (3, 3, "LOC")}, {(0, 1, "PER"), (3, 3, "FAC"), (5, 6, "PER")})
    assert (counts.precision, counts.recall, counts.f1) == pytest.approx((1 / 3, 1 / 2, 2 / 5))


def test_counts_of_documents_add_up_before_the_score() -> None:
    total = scoring.matches({1}, {1}) + scoring.matches({1, 2, 3}, set())
    assert (total.precision, total.recall) == (1, 0.25)


def test_no_answer_is_a_wrong_answer() -> None:
    assert scoring.accuracy(["Emma", None, "Jane"], ["Emma", None, None]) == pytest.approx(1 / 3)


def test_nothing_found_scores_zero() -> None:
    assert scoring.matches({1}, set()).f1 == 0
    assert scoring.ceaf_e(["ab"], []).f1 == 0


def test_labels_make_clusters() -> None:
    assert sorted(map(sorted, scoring.clusters({"a": 1, "b": 2, "c": 1}))) == [["a", "c"], ["b"]]


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 1_000))
def test_pairing_off_finds_the_best_of_all_pairings(rows: int, columns: int, seed: int) -> None:
    rng = random.Random(seed)
    mentions = [f"m{number}" for number in range(12)]
    gold = scoring.clusters({mention: rng.randrange(rows) for mention in mentions})
    predicted = scoring.clusters({mention: rng.randrange(columns) for mention in mentions})
    fewer, more = sorted((gold, predicted), key=len)
    best = max(
        sum(2 * len(one & other) / (len(one) + len(other)) for one, other in zip(fewer, chosen, strict=True))
        for chosen in itertools.permutations(more, len(fewer))
    )
    counts = scoring.ceaf_e(gold, predicted)
    assert counts.recall_hits == pytest.approx(best)
