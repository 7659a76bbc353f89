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
from dataclasses import dataclass, field
from enum import Enum

from gpu_worker.engine.addressing import Said
from gpu_worker.engine.document import Quote, Token
from gpu_worker.engine.quotes import is_left_open

#: What the network's scores are divided by before they become shares: it is too sure, most where no cue tells.
_TEMPERATURE_CUED, _TEMPERATURE = 2.5, 4.0
#: The shares of a person's mentions are added up as a norm of this order, near the largest: four mentions that stand
#: about are not four times the reason to think that this person speaks.
_LOUDEST = 4.0
#: The least share of anyone, so that turns can outweigh any window.
_LEAST_SHARE = 1e-3

#: What is added to the logarithm of a share. In LitBank's training split 949 of 966 paragraphs have one speaker; of
#: 183 paragraphs of nothing but quotes that follow a quote's paragraph, 8 have the same speaker; and of 184 that
#: answer an answer, 179 have the speaker whom that one answered.
_CONTINUES_ALIKE = 4.0
_ANSWERS_ONESELF = -3.0
_RETURNS = 1.0
#: Of 467 names of people in quotes there, 26 are the speaker's own; of 143 that are called and whose quote answers
#: or is answered at once, 105 are who speaks next to it.
_NAMES_ONESELF = -3.0
_WAS_CALLED = 1.5

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
    #: Whom the quote itself names.
    said: Said = field(default_factory=Said)


@dataclass(frozen=True, slots=True)
class Turn:
    """Who speaks a quote."""

    #: The index of the mention by which the speaker is known.
    mention: int
    #: Whom that mention means here.
    person: int


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to read the quotes so far, linked to the reading of those before the last."""

    index: int
    score: float
    #: Who speaks the last quote, None where nobody can be named.
    turn: Turn | None = None
    #: Who spoke before the last quote's turn.
    answered: Turn | None = None
    before: "_Reading | None" = None


def decide(
    quotes: Sequence[Quote],
    tokens: Sequence[Token],
    persons: Sequence[Mapping[int, float]],
    evidence: Iterable[Evidence],
    advance: Callable[[float], None],
) -> list[Turn | None]:
    """Return for each quote who speaks it, None where nobody can be named.

    `persons` tells for each mention whom it may mean and the share of each; `evidence` has an entry for each quote.
    `advance` hears the share of the quotes that are decided, and may raise to stop.
    """
    readings = [_Reading(-1, 0.0)]
    last = Said()
    for index, (relation, seen) in enumerate(zip(relations(quotes, tokens), evidence, strict=True)):
        advance(index / len(quotes))
        kept = readings[:1] if relation is Relation.UNRELATED else readings
        grown = itertools.chain.from_iterable(_continued(reading, relation, seen, last, persons) for reading in kept)
        readings = heapq.nlargest(_READINGS, grown, key=lambda reading: reading.score)
        last = seen.said if relation is not Relation.CONTINUES else Said(last.called | seen.said.called)
    return [reading.turn for reading in reversed(list(_back(readings[0])))][1:]


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


def _continued(
    reading: _Reading, relation: Relation, seen: Evidence, last: Said, persons: Sequence[Mapping[int, float]]
) -> Iterator[_Reading]:
    """Yield the readings of one quote more, one for each person who may speak it; `last` is what was said before."""
    shares: defaultdict[int, float] = defaultdict(float)
    best: dict[int, tuple[float, Turn]] = {}
    for known, share in _shares(seen, reading, persons):
        shares[known.person] = (shares[known.person] ** _LOUDEST + share**_LOUDEST) ** (1 / _LOUDEST)
        best[known.person] = max(best.get(known.person, (0.0, known)), (share, known), key=lambda pair: pair[0])
    awaited = {Relation.CONTINUES: reading.turn, Relation.ANSWERS: reading.answered}.get(relation)
    if awaited is not None:
        best.setdefault(awaited.person, (0.0, awaited))
    answered = {Relation.CONTINUES: reading.answered, Relation.ANSWERS: reading.turn}.get(relation)
    if not best:
        yield _Reading(reading.index + 1, reading.score, None, answered, reading)
    for person, (_, turn) in best.items():
        told = math.log(max(shares[person], _LEAST_SHARE))
        fits = _fits(person, relation, reading) + _agrees(person, relation, reading, seen.said, last)
        yield _Reading(reading.index + 1, reading.score + told + fits, turn, answered, reading)


def _shares(seen: Evidence, reading: _Reading, persons: Sequence[Mapping[int, float]]) -> Iterator[tuple[Turn, float]]:
    """Yield who may speak and the share of each; an earlier quote stands for whoever speaks it in this reading."""
    temperature = _TEMPERATURE_CUED if seen.cued else _TEMPERATURE
    most = max((*seen.mentions.values(), *seen.quotes.values()), default=0.0)
    sizes = {mention: math.exp((score - most) / temperature) for mention, score in seen.mentions.items()}
    of_quotes = {quote: math.exp((score - most) / temperature) for quote, score in seen.quotes.items()}
    whole = sum(sizes.values()) + sum(of_quotes.values())
    for mention, size in sizes.items():
        for person, share in persons[mention].items():
            yield Turn(mention, person), size * share / whole
    for quote, size in of_quotes.items():
        turn = next(earlier.turn for earlier in _back(reading) if earlier.index == quote)
        if turn is not None:
            yield turn, size / whole


def _fits(person: int, relation: Relation, reading: _Reading) -> float:
    """Return how well `person` takes the turn after `reading`."""
    if relation is Relation.CONTINUES:
        return _CONTINUES_ALIKE if _is(person, reading.turn) else 0.0
    if relation is Relation.ANSWERS:
        return _ANSWERS_ONESELF if _is(person, reading.turn) else _RETURNS if _is(person, reading.answered) else 0.0
    return 0.0


def _agrees(person: int, relation: Relation, reading: _Reading, own: Said, last: Said) -> float:
    """Return how well it agrees with the names in the quote, and in the one before, that `person` speaks it."""
    score = _NAMES_ONESELF if person in own.named or person in own.called else 0.0
    if relation is Relation.ANSWERS and reading.turn is not None and not _is(person, reading.turn):
        score += _WAS_CALLED * (person in last.called) + _WAS_CALLED * (reading.turn.person in own.called)
    if relation is Relation.CONTINUES and reading.answered is not None and not _is(person, reading.answered):
        score += _WAS_CALLED * (reading.answered.person in own.called)
    return score


def _is(person: int, turn: Turn | None) -> bool:
    return turn is not None and turn.person == person


def _back(reading: _Reading) -> Iterator[_Reading]:
    """Yield the reading and those that it goes on from, the last quote first."""
    step: _Reading | None = reading
    while step is not None:
        yield step
        step = step.before
