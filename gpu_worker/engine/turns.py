"""Who speaks where the text does not say: people who talk take turns.

Upstream decides each quote by itself, and so gives most of a dialogue without "said Anne" to whoever is named nearby.
But in novels a paragraph has one speaker, the next paragraph that opens with a quote has another, and the one after
that mostly has the first again (He, Barbosa and Kondrak, ACL 2013; Muzny et al., EACL 2017). Here the quotes of a
conversation are decided together: by what the network makes of each window, and by how well the whole takes turns.
"""

import heapq
import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from gpu_worker.engine.document import Quote, Token
from gpu_worker.engine.quotes import is_left_open

#: What the network's scores are divided by before they become shares: it is too sure, most where no cue tells.
_TEMPERATURE_CUED, _TEMPERATURE = 2.5, 4.0
#: The least share of anyone, so that turns can outweigh any window.
_LEAST_SHARE = 1e-3

#: What is added to the logarithm of a share. In LitBank's training split 949 of 966 paragraphs have one speaker; of
#: 183 paragraphs of nothing but quotes that follow a quote's paragraph, 8 have the same speaker; and of 184 that
#: answer an answer, 179 have the speaker whom that one answered.
_CONTINUES_ALIKE = 4.0
_ANSWERS_ONESELF = -3.0
_RETURNS = 2.0

#: How many readings of a conversation are kept while it goes on.
_READINGS = 8


class Relation(Enum):
    """What a quote is to the one before it."""

    #: Its paragraph goes on, after words of narration; or the paragraph before ended and left the quote open.
    CONTINUES = "continues"
    #: The next paragraph opens with it, or no word stands between the two.
    ANSWERS = "answers"
    #: Anything else: a conversation may begin.
    UNRELATED = "unrelated"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the network makes of one quote's window: the score of each candidate."""

    #: Whether the quote's own paragraph names a candidate.
    cued: bool
    #: By the index of the mention that a candidate is.
    mentions: Mapping[int, float]
    #: By the index of the earlier quote that stands for its own speaker.
    quotes: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to read the quotes so far, linked to the reading of those before the last."""

    index: int
    score: float
    #: The mention that speaks the last quote, None where nobody can be named.
    mention: int | None = None
    #: The mention that spoke before the last quote's turn.
    answered: int | None = None
    before: "_Reading | None" = None


def decide(
    quotes: Sequence[Quote],
    tokens: Sequence[Token],
    persons: Sequence[int],
    evidence: Iterable[Evidence],
    advance: Callable[[float], None],
) -> list[int | None]:
    """Return for each quote the index of the mention that speaks it, None where nobody can be named.

    `persons` tells for each mention whom it means, as far as names can; `evidence` has an entry for each quote.
    `advance` hears the share of the quotes that are decided, and may raise to stop.
    """
    readings = [_Reading(-1, 0.0)]
    for index, (relation, seen) in enumerate(zip(relations(quotes, tokens), evidence, strict=True)):
        advance(index / len(quotes))
        kept = readings[:1] if relation is Relation.UNRELATED else readings
        grown = itertools.chain.from_iterable(_continued(reading, relation, seen, persons) for reading in kept)
        readings = heapq.nlargest(_READINGS, grown, key=lambda reading: reading.score)
    return [reading.mention for reading in reversed(list(_back(readings[0])))][1:]


def relations(quotes: Sequence[Quote], tokens: Sequence[Token]) -> Iterator[Relation]:
    """Yield what each quote is to the one before it."""
    if quotes:
        yield Relation.UNRELATED
    for last, quote in itertools.pairwise(quotes):
        apart = tokens[quote.start].paragraph - tokens[last.end].paragraph
        opens = tokens[quote.start - 1].paragraph != tokens[quote.start].paragraph
        if apart == 0:
            goes_on = any(tokens[place].word.isalnum() for place in range(last.end + 1, quote.start))
        elif apart == 1 and opens:
            goes_on = is_left_open(last, tokens)
        else:
            yield Relation.UNRELATED
            continue
        yield Relation.CONTINUES if goes_on else Relation.ANSWERS


def _continued(reading: _Reading, relation: Relation, seen: Evidence, persons: Sequence[int]) -> Iterator[_Reading]:
    """Yield the readings of one quote more, one for each person who may speak it."""
    shares: defaultdict[int, float] = defaultdict(float)
    called: dict[int, tuple[float, int]] = {}
    for mention, share in _shares(seen, reading):
        person = persons[mention]
        shares[person] += share
        called[person] = max(called.get(person, (0.0, mention)), (share, mention))
    awaited = {Relation.CONTINUES: reading.mention, Relation.ANSWERS: reading.answered}.get(relation)
    if awaited is not None:
        called.setdefault(persons[awaited], (0.0, awaited))
    answered = {Relation.CONTINUES: reading.answered, Relation.ANSWERS: reading.mention}.get(relation)
    if not called:
        yield _Reading(reading.index + 1, reading.score, None, answered, reading)
    for person, (_, mention) in called.items():
        told = math.log(max(shares[person], _LEAST_SHARE))
        fits = _fits(person, relation, reading, persons)
        yield _Reading(reading.index + 1, reading.score + told + fits, mention, answered, reading)


def _shares(seen: Evidence, reading: _Reading) -> Iterator[tuple[int, float]]:
    """Yield mentions and the share of each; an earlier quote stands for whoever speaks it in this reading."""
    temperature = _TEMPERATURE_CUED if seen.cued else _TEMPERATURE
    most = max((*seen.mentions.values(), *seen.quotes.values()), default=0.0)
    sizes = {mention: math.exp((score - most) / temperature) for mention, score in seen.mentions.items()}
    of_quotes = {quote: math.exp((score - most) / temperature) for quote, score in seen.quotes.items()}
    whole = sum(sizes.values()) + sum(of_quotes.values())
    for mention, size in sizes.items():
        yield mention, size / whole
    for quote, size in of_quotes.items():
        speaker = next(earlier.mention for earlier in _back(reading) if earlier.index == quote)
        if speaker is not None:
            yield speaker, size / whole


def _fits(person: int, relation: Relation, reading: _Reading, persons: Sequence[int]) -> float:
    """Return how well `person` takes the turn after `reading`."""
    last, answered = (None if mention is None else persons[mention] for mention in (reading.mention, reading.answered))
    if relation is Relation.CONTINUES:
        return _CONTINUES_ALIKE if person == last else 0.0
    if relation is Relation.ANSWERS:
        return _ANSWERS_ONESELF if person == last else _RETURNS if person == answered else 0.0
    return 0.0


def _back(reading: _Reading) -> Iterator[_Reading]:
    """Yield the reading and those that it goes on from, the last quote first."""
    step: _Reading | None = reading
    while step is not None:
        yield step
        step = step.before
