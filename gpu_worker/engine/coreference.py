"""Which mentions are one entity. After upstream's `litbank_coref.py` and `bert_coref_quote_pronouns.py`.

Mentions that name clustering left open are taken in order, those outside of quotes first; each joins the best of
its nearest candidates that scores above zero, or stands alone. What a pair scores depends on earlier decisions in
one feature only (whether the candidate speaks the quote), so all pairs are scored in bulk, for either value of it,
and the decisions are a walk over numbers.

Narration does not depend on who speaks, so `narrate` can read it first, and who speaks be decided knowing whom
"said he" may mean; `resolve` then takes what is left.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gpu_worker.engine import antecedents, names
from gpu_worker.engine.antecedents import OPEN, Choice, Decisions, Document, Narration, conflicts
from gpu_worker.engine.document import Mention, Quote, ReferentialGender, Token
from gpu_worker.engine.kinship import Kinship
from gpu_worker.engine.mention_vectors import MentionReader, MentionVectors
from gpu_worker.engine.networks import CorefNetwork
from gpu_worker.engine.pack import Pack
from gpu_worker.engine.windows import Integers, to_device

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

_PRONOUN = "PRON"

#: The share of the stage's time that reading the windows takes; the rest is scoring pairs.
_READING = 0.9


def narrate(
    tokens: Sequence[Token],
    mentions: Sequence[Mention],
    refs: Sequence[int],
    genders: Mapping[int, ReferentialGender],
    quotes: Sequence[Quote],
    pack: Pack,
    *,
    gender_cats: Sequence[Sequence[str]],
    pronominal_only: bool = True,
    advance: Callable[[float], None],
    reader: MentionReader | None = None,
) -> Narration:
    """Return whom the mentions outside of quotes mean, before it is known who speaks; arguments as in `resolve`."""
    document = Document.of(tokens, mentions, [None] * len(quotes), quotes)
    asked = [index for index in _open(mentions, refs, pronominal_only) if not document.in_quote[index]]
    scores = _read_and_scored(tokens, document, asked, pack.coref, reader, advance, compat=False)
    families = Kinship.of(mentions, tokens, refs)
    return Narration.of(Decisions(document, refs, scores, conflicts(gender_cats), genders, families))


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
    """Return each mention's cluster.

    `refs` holds what is resolved already, by names and with who speaks, -1 elsewhere; `attributions` each quote's
    speaker as the index of a mention. With `pronominal_only`, open mentions other than pronouns get a cluster of their
    own. `reader` is the one that the tagger fed, where the two share an encoder.
    With `compat`, mentions are read as upstream reads them (`MentionReader`), nobody looks further back after a long
    speech, and in a book without names or narrator the first new cluster gets the narrator's number.
    """
    if not mentions:
        return []
    document = Document.of(tokens, mentions, attributions, quotes)
    asked = _open(mentions, refs, pronominal_only)
    scores = _read_and_scored(tokens, document, asked, pack.coref, reader, advance, compat=compat)
    first_new = max(refs) + 1 if compat else antecedents.lowest(refs)
    families = None if compat else Kinship.of(mentions, tokens, refs)
    clusters = Decisions(document, refs, scores, conflicts(gender_cats), genders, families).taken(first_new)
    relatives = families.told(clusters) if families else frozenset()
    return names.merge_nominals(mentions, clusters, compat=compat, apart=relatives)


def _open(mentions: Sequence[Mention], refs: Sequence[int], pronominal_only: bool) -> list[int]:
    """Return the indices of the mentions that look for an antecedent."""
    return [
        index
        for index, mention in enumerate(mentions)
        if index > 0 and refs[index] == OPEN and (mention.prop == _PRONOUN or not pronominal_only)
    ]


@dataclass(frozen=True, slots=True)
class Candidates:
    """The candidates of some mentions, of the first mention first and each mention's in order; `[pairs]` each."""

    #: How many candidates each mention has, `[mentions]`.
    counts: Integers
    anaphors: Integers
    antecedents: Integers
    #: Rows of the distance embedding.
    distances: Integers


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


def _read_and_scored(
    tokens: Sequence[Token],
    document: Document,
    asked: Sequence[int],
    network: CorefNetwork,
    reader: MentionReader | None,
    advance: Callable[[float], None],
    *,
    compat: bool,
) -> dict[int, Choice]:
    """Return, for each mention of `asked` that has candidates, what they score."""
    if not asked:
        return {}
    with torch.inference_mode():
        reader = reader or MentionReader(tokens, network, compat=compat)
        read = reader.read(document.mentions, lambda share: advance(share * _READING))
        vectors = with_features(read, document, network)
        return _scored(
            document,
            vectors,
            asked,
            network,
            lambda share: advance(_READING + share * (1 - _READING)),
            compat=compat,
        )


def _scored(
    document: Document,
    vectors: Tensor,
    asked: Sequence[int],
    network: CorefNetwork,
    advance: Callable[[float], None],
    *,
    compat: bool,
) -> dict[int, Choice]:
    """Return, for each mention of `asked` that has candidates, what they score."""
    unary = network.unary(vectors)
    anaphors, antecedents = network.as_anaphors(vectors), network.as_antecedents(vectors)
    choices: dict[int, Choice] = {}
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
            choices[index] = Choice(*(part.tolist() for part in parts))
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
