"""Whom each mention joins, given what every pair of mentions scores: a walk over the mentions, in upstream's order.

After the decisions of upstream's `bert_coref_quote_pronouns.py`. Those outside of quotes are taken first, for what they
score does not hang on who speaks; so narration can be told apart from the rest, with how sure each decision is.
"""

import dataclasses
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpu_worker.engine import names
from gpu_worker.engine.document import Mention, Quote, ReferentialGender, Token
from gpu_worker.engine.kinship import Kinship
from gpu_worker.engine.windows import Integers

#: A mention that nothing has resolved yet.
OPEN = names.UNRESOLVED

_FIRST_PERSON = frozenset({"i", "me", "my", "myself"})

#: Whom a mention means with a smaller share is left out.
_LEAST_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Document:
    """The mentions, and what quotes have to do with them."""

    mentions: Sequence[Mention]
    #: `[mentions]` each.
    starts: Integers
    ends: Integers
    in_quote: NDArray[np.bool_]
    #: For each mention, the one that speaks the quote it stands in.
    speakers: Sequence[int | None]

    @classmethod
    def of(
        cls,
        tokens: Sequence[Token],
        mentions: Sequence[Mention],
        attributions: Sequence[int | None],
        quotes: Sequence[Quote],
    ) -> "Document":
        """Place the mentions among the quotes; `attributions` holds each quote's speaker as the index of a mention."""
        quote_of = np.full(len(tokens), -1)
        for index, quote in enumerate(quotes):
            quote_of[quote.start : quote.end + 1] = index
        starts = np.array([mention.start for mention in mentions], np.int64)
        ends = np.array([mention.end for mention in mentions], np.int64)
        in_quote = (quote_of[starts] >= 0) | (quote_of[ends] >= 0)
        speakers = [attributions[quote] if quote >= 0 else None for quote in quote_of[starts].tolist()]
        return cls(mentions, starts, ends, in_quote, speakers)


@dataclass(frozen=True, slots=True)
class Choice:
    """One mention's candidates and what they score."""

    candidates: Sequence[int]
    #: Where the candidate does not speak the mention's quote, or nobody knows who does.
    scores: Sequence[float]
    #: Where it does.
    scores_as_speaker: Sequence[float]


@dataclass(frozen=True, slots=True)
class Decisions:
    """The walk over the mentions that gives each its cluster."""

    document: Document
    refs: Sequence[int]
    choices: Mapping[int, Choice]
    #: For each category of pronouns, the pronouns of the others.
    conflicts: Mapping[str, frozenset[str]]
    genders: Mapping[int, ReferentialGender]
    #: The families that names tell of; in `compat` none.
    kinship: Kinship | None

    def taken(self, first_new: int) -> list[int]:
        """Return each mention's cluster; new ones are counted from `first_new`."""
        quoted = np.flatnonzero(self.document.in_quote).tolist()
        return [cluster for cluster in self._walked([*self._narrated(), *quoted], first_new) if cluster is not None]

    def narrated(self) -> list[int]:
        """Return the cluster of each mention outside of quotes, and of the others what is known already."""
        walked = self._walked(self._narrated(), lowest(self.refs))
        return [ref if cluster is None else cluster for ref, cluster in zip(self.refs, walked, strict=True)]

    def _narrated(self) -> list[int]:
        plain: list[int] = np.flatnonzero(~self.document.in_quote).tolist()
        return plain

    def _walked(self, order: Sequence[int], first_new: int) -> list[int | None]:
        assigned: list[int | None] = [None] * len(self.refs)
        new = first_new
        for index in order:
            cluster = self.refs[index] if self.refs[index] != OPEN else self._joined(index, assigned)
            if cluster is None:
                cluster, new = new, new + 1
            assigned[index] = cluster
        return assigned

    def begun(self, clusters: Sequence[int]) -> dict[int, int]:
        """Return the clusters of narration that no name began, each with its first mention."""
        named = frozenset(self.refs)
        first: dict[int, int] = {}
        for index in self._narrated():
            if clusters[index] not in named:
                first.setdefault(clusters[index], index)
        return first

    def shares(self, index: int, clusters: Sequence[int]) -> dict[int, float]:
        """Return the clusters that a mention may belong to and the share of each, where all have `clusters`.

        The scores of the candidates are logarithms of odds against beginning a cluster (Lee et al., EMNLP 2017).
        """
        own, choice = clusters[index], self.choices.get(index)
        if choice is None or (self.kinship and self.kinship.relative(index, clusters) is not None):
            return {own: 1.0}
        begins = all(clusters[candidate] != own for candidate in choice.candidates)
        best = {own: 0.0} if begins else {}
        for candidate, score in zip(choice.candidates, choice.scores, strict=True):
            cluster = clusters[candidate]
            if self._compatible(self.document.mentions[index].text, cluster):
                best[cluster] = max(best.get(cluster, -math.inf), score)
        most = max(best.values())
        sizes = {cluster: math.exp(score - most) for cluster, score in best.items()}
        whole = sum(sizes.values())
        return {cluster: size / whole for cluster, size in sizes.items() if size >= _LEAST_SHARE * whole}

    def _joined(self, index: int, assigned: Sequence[int | None]) -> int | None:
        """Return the cluster that an open mention joins, None where it begins one."""
        relative = self.kinship.relative(index, assigned) if self.kinship else None
        if relative is not None:
            return relative
        choice = self.choices.get(index)
        if choice is None or not choice.candidates:
            return None
        mention, speaker = self.document.mentions[index], self.document.speakers[index]
        scores = choice.scores
        if speaker is not None:
            speaking = assigned[speaker]
            word = mention.text.lower()
            if speaking is not None and word in _FIRST_PERSON:
                return speaking
            scores = [
                same if assigned[candidate] == speaking else other
                for candidate, other, same in zip(
                    choice.candidates, choice.scores, choice.scores_as_speaker, strict=True
                )
            ]
        ranked = sorted((-score, place) for place, score in enumerate(scores) if score > 0)
        for _, place in ranked:
            cluster = assigned[choice.candidates[place]]
            if cluster is not None and self._compatible(mention.text, cluster):
                return cluster
        return None

    def _compatible(self, text: str, cluster: int) -> bool:
        """Tell whether a pronoun fits what is known of a cluster's referential gender."""
        gender = self.genders.get(cluster)
        if " " in text or gender is None or gender.argmax is None:
            return True
        return text.lower() not in self.conflicts[gender.argmax]


def conflicts(gender_cats: Sequence[Sequence[str]]) -> dict[str, frozenset[str]]:
    """Return for each category of pronouns, by its name such as `he/him/his`, those of all others alone."""
    own = {"/".join(category): frozenset(category) for category in gender_cats}
    everything = frozenset(word for words in own.values() for word in words)
    return {name: everything - words for name, words in own.items()}


def lowest(refs: Sequence[int]) -> int:
    """Return the first number that new clusters may have; 0 is the narrator's."""
    return max([*refs, 0]) + 1


@dataclass(frozen=True, slots=True)
class Narration:
    """Whom the mentions outside of quotes mean, as far as can be told before it is known who speaks."""

    decisions: Decisions
    #: Each mention's cluster; one in a quote that names do not resolve is alone.
    clusters: Sequence[int]
    #: For each mention, the clusters that it may belong to and the share of each.
    shares: Sequence[Mapping[int, float]]
    #: Whom each cluster means: nouns that read alike are one person.
    person_of: Mapping[int, int]

    @classmethod
    def of(cls, decisions: Decisions) -> "Narration":
        """Return what the decisions say of narration, and how sure they are."""
        mentions = decisions.document.mentions
        clusters = alone(decisions.narrated())
        shares = [decisions.shares(index, clusters) for index in range(len(mentions))]
        relatives = decisions.kinship.told(clusters) if decisions.kinship else frozenset()
        merged = names.merge_nominals(mentions, clusters, compat=False, apart=relatives)
        return cls(decisions, clusters, shares, dict(zip(clusters, merged, strict=True)))

    def persons(self) -> list[Mapping[int, float]]:
        """Return for each mention whom it may mean and the share of each, by the numbers of `person_of`."""
        return [_added_up(shares, self.person_of) for shares in self.shares]

    def settled(self, meant: Iterable[tuple[int, int]]) -> list[int]:
        """Return the clusters of all narration, where `meant` are mentions and the persons that they mean.

        Mentions that follow those join them anew. Of the mentions in quotes it is what names tell.
        """
        refs = list(self.decisions.refs)
        for cluster, index in self.decisions.begun(self.clusters).items():
            refs[index] = cluster
        for index, person in meant:
            fitting = [cluster for cluster in self.shares[index] if self.person_of[cluster] == person]
            if self.decisions.refs[index] == OPEN and self.clusters[index] not in fitting:
                refs[index] = max(fitting, key=self.shares[index].__getitem__, default=refs[index])
        return dataclasses.replace(self.decisions, refs=refs).narrated()


def alone(clusters: Sequence[int]) -> list[int]:
    """Return the clusters with one of its own for each mention that has none."""
    first = max(clusters, default=0) + 1
    return [first + index if cluster == OPEN else cluster for index, cluster in enumerate(clusters)]


def _added_up(shares: Mapping[int, float], person_of: Mapping[int, int]) -> dict[int, float]:
    sums: defaultdict[int, float] = defaultdict(float)
    for cluster, share in shares.items():
        sums[person_of[cluster]] += share
    return dict(sums)
