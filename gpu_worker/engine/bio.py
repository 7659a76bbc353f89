"""Tags that mark spans by beginning, inside and outside (Ramshaw and Marcus, 1995), as arrays `[batch, steps]`.

Nested spans come in layers: what one layer found is merged into one step of the next (Ju et al., NAACL 2018).
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Tags = NDArray[np.int64]


class TagSet:
    """What each tag means. `O` is outside, and so are the start and stop tags that the CRF adds at the end."""

    def __init__(self, names: Sequence[str]) -> None:
        """Take the tags in the order of their numbers, such as `B-PROP_PER`."""
        self.names = tuple(names)
        self.categories = tuple(sorted({name[2:] for name in names if name != "O"}))
        self.outside = self.names.index("O")
        number = {category: index for index, category in enumerate(self.categories)}
        kinds = [*(name[0] for name in names), "O", "O"]
        self._begins = np.array([kind == "B" for kind in kinds])
        self._inside = np.array([kind == "I" for kind in kinds])
        self._category = np.array([number.get(name[2:], -1) for name in names] + [-1, -1])
        self._begin_of = np.array([self.names.index(f"B-{category}") for category in self.categories])
        self._inside_of = np.array([self.names.index(f"I-{category}") for category in self.categories])

    def continues(self, tags: Tags) -> NDArray[np.bool_]:
        """Tell for each tag whether it goes on with the span of the step before."""
        return self._inside[tags]

    def repaired(self, tags: Tags) -> Tags:
        """Return the tags with every inside that continues nothing of its category turned into a beginning."""
        category = self._category[tags]
        before = np.concatenate((np.full((len(tags), 1), -1), category[:, :-1]), axis=1)
        broken = self._inside[tags] & (before != category)
        return np.where(broken, self._begin_of[category], tags)

    def unmerged(self, tags: Tags, groups: Tags) -> Tags:
        """Return the tags of merged steps for the steps that were merged; a group's later steps continue its span.

        `groups` `[batch, steps]` holds for each step the number of the merged step it went into.
        """
        spread = np.take_along_axis(tags, groups, axis=1)
        later = np.concatenate((np.zeros((len(tags), 1), bool), groups[:, 1:] == groups[:, :-1]), axis=1)
        category = self._category[spread]
        continued = np.where(category < 0, self.outside, self._inside_of[category])
        return np.where(later, continued, spread)

    def spans(self, tags: NDArray[np.int64]) -> Iterator[tuple[int, int, str]]:
        """Yield each span of one repaired sequence `[steps]`: its first step, one past its last, its category."""
        starts = np.flatnonzero(self._begins[tags])
        stops = np.append(np.flatnonzero(~self._inside[tags]), len(tags))
        ends = stops[np.searchsorted(stops, starts, side="right")]
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            yield start, end, self.categories[self._category[tags[start]]]


def merged(continues: NDArray[np.bool_]) -> Tags:
    """Return for each step the number of the group it belongs to: a step that continues joins the one before."""
    groups: Tags = np.cumsum(~continues, axis=1) - 1
    return np.maximum(groups, 0)
