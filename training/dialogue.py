"""Dialogue that does not say who speaks, made from dialogue that does.

Novels often leave out "said Emma" once two people take turns; LitBank has few such passages. Leaving out some of the
words that stand beside a quote in its own paragraph makes more: whoever spoke is then told by the turns, the
paragraphs and the cues that are left.
"""

import itertools
import random
from collections.abc import Iterator
from dataclasses import replace

from gpu_worker.engine.document import Quote, Token
from training.litbank import Novel

#: What stands beside a quote and is no longer than so many words is taken for its cue.
_LONGEST_CUE = 16


def without_cues(novel: Novel, share: float, rng: random.Random) -> Novel:
    """Return the novel without `share` of its cues, and without the mentions and events in them."""
    dropped = {place for cue in _cues(novel) if rng.random() < share for place in cue}
    kept = [token for token in novel.tokens if token.id not in dropped]
    place = {token.id: index for index, token in enumerate(kept)}
    mentions = [
        (replace(mention, start=place[mention.start], end=place[mention.end]), entity)
        for mention, entity in zip(novel.mentions, novel.entities, strict=True)
        if dropped.isdisjoint(range(mention.start, mention.end + 1))
    ]
    return replace(
        novel,
        tokens=[replace(token, id=index, head=index) for index, token in enumerate(kept)],
        mentions=[mention for mention, _ in mentions],
        entities=[entity for _, entity in mentions],
        events=frozenset(place[event] for event in novel.events - dropped),
        quotes=[Quote(place[quote.start], place[quote.end]) for quote in novel.quotes],
    )


def _cues(novel: Novel) -> Iterator[list[int]]:
    """Yield the tokens of each stretch of narration that shares its paragraph with a quote, if it is short."""
    quoted = {place for quote in novel.quotes for place in range(quote.start, quote.end + 1)}
    for _, paragraph in itertools.groupby(novel.tokens, key=lambda token: token.paragraph):
        tokens: list[Token] = list(paragraph)
        if all(token.id not in quoted for token in tokens):
            continue
        for inside, run in itertools.groupby(tokens, key=lambda token: token.id in quoted):
            places = [token.id for token in run]
            if not inside and len(places) <= _LONGEST_CUE:
                yield places
