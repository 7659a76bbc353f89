"""The field's standard scores, over plain data: what is compared, not how it was found.

Spans count when start, end and category are all right. Clusters are scored as in the CoNLL shared tasks (Pradhan et
al., "Scoring Coreference Partitions of Predicted Mentions", ACL 2014): MUC counts links (Vilain et al., 1995), B3
weighs each mention (Bagga and Baldwin, 1998), CEAFe pairs off whole clusters (Luo, 2005). A mention may be in the
gold clusters only, or in the predicted ones only; it then counts against recall or precision.
"""

from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Item = TypeVar("Item", bound=Hashable)

#: Clusters of mentions; no mention is in two of them.
Clusters = Sequence[Collection[Item]]


@dataclass(frozen=True, slots=True)
class Counts:
    """How much was found and how much was there; counts of several documents add up."""

    #: Of what was predicted, the part that is right; and how much was predicted.
    precision_hits: float = 0.0
    predicted: float = 0.0
    #: Of what is there, the part that was found; and how much is there.
    recall_hits: float = 0.0
    gold: float = 0.0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.precision_hits + other.precision_hits,
            self.predicted + other.predicted,
            self.recall_hits + other.recall_hits,
            self.gold + other.gold,
        )

    @property
    def precision(self) -> float:
        """The right share of what was predicted, 0 where nothing was."""
        return self.precision_hits / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """The found share of what is there, 0 where nothing is."""
        return self.recall_hits / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def matches(gold: Collection[Item], predicted: Collection[Item]) -> Counts:
    """Compare two sets of items, such as `(start, end, category)` or the places of events."""
    hits = len(set(gold) & set(predicted))
    return Counts(hits, len(set(predicted)), hits, len(set(gold)))


def muc(gold: Clusters[Item], predicted: Clusters[Item]) -> Counts:
    """Compare links: a cluster of `n` mentions has `n - 1`, less one for each part that the other side breaks off."""
    return Counts(*_links(predicted, gold), *_links(gold, predicted))


def b_cubed(gold: Clusters[Item], predicted: Clusters[Item]) -> Counts:
    """Compare, mention by mention, the shares of its two clusters that they have in common."""
    return Counts(*_shares(predicted, gold), *_shares(gold, predicted))


def ceaf_e(gold: Clusters[Item], predicted: Clusters[Item]) -> Counts:
    """Pair off clusters so that their likeness, `2 |a & b| / (|a| + |b|)`, sums to the most."""
    total = _most_alike(gold, predicted)
    return Counts(total, len(predicted), total, len(gold))


def accuracy(gold: Sequence[Item | None], predicted: Sequence[Item | None]) -> float:
    """Return the share of the answers that are right; no answer (None) is wrong."""
    right = sum(found is not None and found == wanted for wanted, found in zip(gold, predicted, strict=True))
    return right / len(gold) if gold else 0.0


def clusters(labels: Mapping[Item, Hashable]) -> list[set[Item]]:
    """Return the sets of items that have the same label."""
    found: dict[Hashable, set[Item]] = {}
    for item, label in labels.items():
        found.setdefault(label, set()).add(item)
    return list(found.values())


def _labels(of: Clusters[Item]) -> dict[Item, int]:
    return {item: number for number, cluster in enumerate(of) for item in cluster}


def _links(wanted: Clusters[Item], found: Clusters[Item]) -> tuple[float, float]:
    """Return how many of the links of `wanted` are in `found`, and how many there are."""
    label = _labels(found)
    hits = total = 0
    for cluster in wanted:
        parts = {label.get(item, (item,)) for item in cluster}
        hits += len(cluster) - len(parts)
        total += len(cluster) - 1
    return hits, total


def _shares(wanted: Clusters[Item], found: Clusters[Item]) -> tuple[float, float]:
    """Return how much of each mention's cluster in `wanted` stays together in `found`, summed; and the mentions."""
    label = _labels(found)
    together = (Counter(label[item] for item in cluster if item in label) for cluster in wanted)
    hits = sum(
        sum(size * size for size in parts.values()) / len(cluster)
        for cluster, parts in zip(wanted, together, strict=True)
        if cluster
    )
    return hits, sum(map(len, wanted))


def _most_alike(gold: Clusters[Item], predicted: Clusters[Item]) -> float:
    if not gold or not predicted:
        return 0.0
    label = _labels(predicted)
    likeness = np.zeros((len(gold), len(predicted)))
    for row, cluster in enumerate(gold):
        for column, common in Counter(label[item] for item in cluster if item in label).items():
            likeness[row, column] = 2 * common / (len(cluster) + len(predicted[column]))
    rows, columns = assignment(likeness)
    return float(likeness[rows, columns].sum())


def assignment(gains: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows and columns of the pairs that gain the most in all (Kuhn, 1955; shortest augmenting paths).

    `gains` is `[rows, columns]`; each row and each column is in one pair at most, those of the shorter side in one.

    Own code, because scipy would be a dependency for this alone.
    """
    if gains.shape[0] > gains.shape[1]:
        columns, rows = assignment(gains.T)
        return rows, columns
    costs = -gains
    height, width = costs.shape
    row_price, column_price = np.zeros(height), np.zeros(width + 1)
    #: The row that each column is given to; the last column is where every search begins.
    owner = np.full(width + 1, -1)
    for row in range(height):
        owner[width] = row
        _augment(costs, row_price, column_price, owner)
    columns = np.flatnonzero(owner[:width] >= 0)
    return owner[columns], columns


def _augment(
    costs: NDArray[np.float64],
    row_price: NDArray[np.float64],
    column_price: NDArray[np.float64],
    owner: NDArray[np.int64],
) -> None:
    """Give the row that waits at the last column a column of its own, others moving where that is cheaper."""
    width = costs.shape[1]
    slack, came_from, reached = np.full(width, np.inf), np.full(width, width), np.zeros(width + 1, bool)
    column = width
    while owner[column] >= 0:
        reached[column] = True
        row = owner[column]
        offer = costs[row] - row_price[row] - column_price[:width]
        better = ~reached[:width] & (offer < slack)
        slack[better], came_from[better] = offer[better], column
        open_slack = np.where(reached[:width], np.inf, slack)
        following = int(open_slack.argmin())
        step = open_slack[following]
        row_price[owner[reached]] += step
        column_price[reached] -= step
        slack[~reached[:width]] -= step
        column = following
    while column != width:
        before = int(came_from[column])
        owner[column] = owner[before]
        column = before
