"""Which mentions are one entity. After upstream's `litbank_coref.py` and `bert_coref_quote_pronouns.py`.

Mentions that name clustering left open are taken in order, those outside of quotes first; each joins the best of
its nearest candidates that scores above zero, or stands alone. What a pair scores depends on earlier decisions in
one feature only (whether the candidate speaks the quote), so all pairs are scored in bulk, for either value of it,
and the decisions are a walk over numbers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gpu_worker.engine.document import Mention, Quote, ReferentialGender, Token
from gpu_worker.engine.mention_vectors import MentionReader, MentionVectors
from gpu_worker.engine.networks import CorefNetwork
from gpu_worker.engine.pack import Pack
from gpu_worker.engine.windows import Integers, to_device

#: A mention that name clustering left open.
_OPEN = -1

#: How many mentions back a candidate may be, how many ahead for a mention in a quote, and how many are scored.
_BACK, _AHEAD, _MOST_CANDIDATES = 20, 10, 20
_OFFSETS = np.array([*range(-_BACK, 0), *range(1, _AHEAD + 1)])
#: After a long speech a mention outside of quotes looks further back, for so many candidates among so many mentions.
_AFTER_SPEECH, _FAR_BACK = 5, 200

#: How many mentions' pairs are scored at once.
_MENTIONS_AT_ONCE = {"cpu": 512, "cuda": 8_192}

#: Mentions of up to so many words beyond the first have a width embedding of their own, in the row after it.
_WIDEST, _WIDER_ROW = 9, 11
#: The row of the distance embedding for the candidate next to the mention.
_NEXT_TO_ROW = 10

#: What the speaker feature says of a candidate: it does not speak the mention's quote, it does, or nobody knows.
_OTHER, _SAME, _UNKNOWN = 0, 1, 2

_FIRST_PERSON = frozenset({"i", "me", "my", "myself"})
_PRONOUN = "PRON"

#: The share of the stage's time that reading the windows takes; the rest is scoring pairs.
_READING = 0.9


def resolve(
    tokens: Sequence[Token],
    mentions: Sequence[Mention],
    refs: Sequence[int],
    genders: Mapping[int, ReferentialGender],
    attributions: Sequence[int | None],
    quotes: Sequence[Quote],
    pack: Pack,
    *,
    gender_cats: Sequence[Sequence[str]],
    pronominal_only: bool = True,
    compat: bool,
    advance: Callable[[float], None],
    reader: MentionReader | None = None,
) -> list[int]:
    """Return each mention's cluster, before identical nominals are merged.

    `refs` holds what name clustering resolved, -1 where it did not; `attributions` each quote's speaker as the index
    of a mention. With `pronominal_only`, open mentions other than pronouns get a cluster of their own.
    `reader` is the one that the tagger fed, where the two share an encoder.
    With `compat`, mentions are read as upstream reads them (`MentionReader`), nobody looks further back after a long
    speech, and in a book without names or narrator the first new cluster gets the narrator's number.
    """
    if not mentions:
        return []
    network = pack.coref
    document = Document.of(tokens, mentions, attributions, quotes)
    asked = [
        index
        for index, mention in enumerate(mentions)
        if index > 0 and refs[index] == _OPEN and (mention.prop == _PRONOUN or not pronominal_only)
    ]
    with torch.inference_mode():
        reader = reader or MentionReader(tokens, network, compat=compat)
        read = reader.read(mentions, lambda share: advance(share * _READING))
        vectors = with_features(read, document, network)
        scores = _scored(
            document,
            vectors,
            asked,
            network,
            lambda share: advance(_READING + share * (1 - _READING)),
            compat=compat,
        )
    lowest = max(refs) + 1 if compat else max(*refs, 0) + 1
    return _Decisions(document, refs, scores, _conflicts(gender_cats), genders).taken(lowest)


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
        starts = np.array([mention.start for mention in mentions])
        ends = np.array([mention.end for mention in mentions])
        in_quote = (quote_of[starts] >= 0) | (quote_of[ends] >= 0)
        speakers = [attributions[quote] if quote >= 0 else None for quote in quote_of[starts].tolist()]
        return cls(mentions, starts, ends, in_quote, speakers)


@dataclass(frozen=True, slots=True)
class Candidates:
    """The candidates of some mentions, of the first mention first and each mention's in order; `[pairs]` each."""

    #: How many candidates each mention has, `[mentions]`.
    counts: Integers
    anaphors: Integers
    antecedents: Integers
    #: Rows of the distance embedding.
    distances: Integers


@dataclass(frozen=True, slots=True)
class _Choice:
    """One mention's candidates and what they score."""

    candidates: Sequence[int]
    #: Where the candidate does not speak the mention's quote, or nobody knows who does.
    scores: Sequence[float]
    #: Where it does.
    scores_as_speaker: Sequence[float]


def with_features(read: MentionVectors, document: Document, network: CorefNetwork) -> Tensor:
    """Return the mentions' vectors with the embeddings of their widths and of whether they are quoted."""
    device = read.states.device
    widths = np.where(read.widths <= _WIDEST, read.widths + 1, _WIDER_ROW)
    quoted = document.in_quote.astype(np.int64)
    return torch.cat(
        (read.states, network.widths[to_device(widths, device)], network.quotes[to_device(quoted, device)]), 1
    )


def candidates(asked: Integers, in_quote: NDArray[np.bool_], *, compat: bool) -> Candidates:
    """Return whom the mentions `asked` may refer to.

    Outside of quotes: the mentions outside of quotes among the 20 before, and unless `compat` at least the last five
    of those among the 200 before. In a quote: any of the 20 before, and those outside of quotes among the 10 after; of
    all these the last 20. Distances count candidates.
    """
    quoted, before = in_quote[asked][:, None], _OFFSETS < 0
    others = np.where(quoted, asked[:, None] + _OFFSETS, _narrated(asked, in_quote))
    exists = (others >= 0) & (others < len(in_quote))
    others = np.where(exists, others, 0)
    reach = np.where(_OFFSETS < -_AFTER_SPEECH, _BACK, _BACK if compat else _FAR_BACK)
    allowed = exists & np.where(quoted, before | ~in_quote[others], asked[:, None] - others <= reach)
    nearer = np.cumsum((allowed & before)[:, ::-1], axis=1)[:, ::-1] - 1
    further: Integers = np.cumsum(allowed & ~before, axis=1)
    distances = np.where(before, nearer, -further) + _NEXT_TO_ROW
    from_last = np.cumsum(allowed[:, ::-1], axis=1)[:, ::-1]
    allowed &= from_last <= _MOST_CANDIDATES
    rows, _ = np.nonzero(allowed)
    return Candidates(allowed.sum(axis=1), asked[rows], others[allowed], distances[allowed])


def _narrated(asked: Integers, in_quote: NDArray[np.bool_]) -> Integers:
    """Return the mentions outside of quotes before each of `asked`, `[asked, offsets]`; -1 where there is none."""
    narrated = np.flatnonzero(~in_quote)
    places = np.searchsorted(narrated, asked)[:, None] + _OFFSETS
    exists = (places >= 0) & (_OFFSETS < 0)
    return np.where(exists, np.append(narrated, -1)[np.where(exists, places, -1)], -1)


def _scored(
    document: Document,
    vectors: Tensor,
    asked: Sequence[int],
    network: CorefNetwork,
    advance: Callable[[float], None],
    *,
    compat: bool,
) -> dict[int, _Choice]:
    """Return, for each mention of `asked` that has candidates, what they score."""
    unary = network.unary(vectors)
    anaphors, antecedents = network.as_anaphors(vectors), network.as_antecedents(vectors)
    choices: dict[int, _Choice] = {}
    at_once = _MENTIONS_AT_ONCE[vectors.device.type]
    for start in range(0, len(asked), at_once):
        batch = np.array(asked[start : start + at_once])
        pairs = candidates(batch, document.in_quote, compat=compat)
        anaphor = to_device(pairs.anaphors, vectors.device)
        antecedent = to_device(pairs.antecedents, vectors.device)
        products = vectors[anaphor] * vectors[antecedent]
        own = network.pair_features(products, *pair_places(document, pairs, vectors.device))
        first_layer = anaphors[anaphor] + antecedents[antecedent] + own
        both = unary[anaphor] + unary[antecedent]
        known = np.array([document.speakers[index] is not None for index in batch.tolist()])
        known &= document.in_quote[batch]
        speaker = to_device(np.where(np.repeat(known, pairs.counts), _OTHER, _UNKNOWN), vectors.device)
        as_speaker = to_device(np.where(np.repeat(known, pairs.counts), _SAME, _UNKNOWN), vectors.device)
        scores = network.pair_scores(first_layer, speaker) + both
        scores_as_speaker = network.pair_scores(first_layer, as_speaker) + both
        edges = np.cumsum(pairs.counts)[:-1]
        columns = (pairs.antecedents, scores.cpu().numpy(), scores_as_speaker.cpu().numpy())
        for index, *parts in zip(batch.tolist(), *(np.split(column, edges) for column in columns), strict=True):
            choices[index] = _Choice(*(part.tolist() for part in parts))
        advance((start + len(batch)) / len(asked))
    return choices


def pair_places(document: Document, pairs: Candidates, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return each pair's distance, whether the anaphor lies in the antecedent, and whether the other way round."""
    starts, ends = document.starts, document.ends
    one, other = pairs.anaphors, pairs.antecedents
    nested = (starts[one] >= starts[other]) & (ends[one] < ends[other])
    nesting = (starts[other] >= starts[one]) & (ends[other] < ends[one])
    return (
        to_device(pairs.distances, device),
        to_device(nested.astype(np.int64), device),
        to_device(nesting.astype(np.int64), device),
    )


@dataclass(frozen=True, slots=True)
class _Decisions:
    """The walk over the mentions that gives each its cluster."""

    document: Document
    refs: Sequence[int]
    choices: Mapping[int, _Choice]
    #: For each category of pronouns, the pronouns of the others.
    conflicts: Mapping[str, frozenset[str]]
    genders: Mapping[int, ReferentialGender]

    def taken(self, lowest: int) -> list[int]:
        """Return each mention's cluster; new ones are counted from `lowest`."""
        assigned: list[int | None] = [None] * len(self.refs)
        new = lowest
        quoted = np.flatnonzero(self.document.in_quote).tolist()
        plain = np.flatnonzero(~self.document.in_quote).tolist()
        for index in [*plain, *quoted]:
            cluster = self.refs[index] if self.refs[index] != _OPEN else self._joined(index, assigned)
            if cluster is None:
                cluster, new = new, new + 1
            assigned[index] = cluster
        return [cluster for cluster in assigned if cluster is not None]

    def _joined(self, index: int, assigned: Sequence[int | None]) -> int | None:
        """Return the cluster that an open mention joins, None where it begins one."""
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


def _conflicts(gender_cats: Sequence[Sequence[str]]) -> dict[str, frozenset[str]]:
    """Return for each category of pronouns, by its name such as `he/him/his`, those of all others alone."""
    own = {"/".join(category): frozenset(category) for category in gender_cats}
    everything = frozenset(word for words in own.values() for word in words)
    return {name: everything - words for name, words in own.items()}
