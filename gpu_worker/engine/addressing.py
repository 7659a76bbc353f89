"""Whom a quote speaks of and whom it calls: "My dear Mr. Bennet" is not said by Mr. Bennet, but mostly to him.

The network that reads who speaks sees a quote as one token, so it knows nothing of what is said. Vocatives have long
helped to tell speakers (He, Barbosa and Kondrak, ACL 2013).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gpu_worker.engine.document import Mention, Quote, Token

_PERSON, _NAME = "PER", "PROP"

#: What stands before a name that is called out, besides marks: "Oh, Kitty!", "my dear Lizzy,".
_BEFORE = frozenset(
    {"ah", "and", "but", "come", "dear", "dearest", "good", "here", "my", "no", "now", "o", "oh", "poor", "well", "yes"}
)


@dataclass(frozen=True, slots=True)
class Said:
    """The people whom a quote names."""

    #: Persons whom it calls.
    called: frozenset[int] = frozenset()
    #: Persons of whom it speaks.
    named: frozenset[int] = frozenset()


def said(
    quotes: Sequence[Quote],
    mentions: Sequence[Mention],
    tokens: Sequence[Token],
    persons: Sequence[Mapping[int, float]],
) -> Iterator[Said]:
    """Yield for each quote whom it names; `mentions` are sorted, and `persons` tells whom each may mean."""
    starts = [mention.start for mention in mentions]
    for quote in quotes:
        called, named = set[int](), set[int]()
        for index in range(bisect_left(starts, quote.start), bisect_right(starts, quote.end)):
            mention = mentions[index]
            if mention.end <= quote.end and mention.prop == _NAME and mention.category == _PERSON:
                (called if _is_called(mention, tokens) else named).update(persons[index])
        yield Said(frozenset(called), frozenset(named))


def _is_called(mention: Mention, tokens: Sequence[Token]) -> bool:
    """Tell whether marks set a name apart, or what people are called by stands before it."""
    before = tokens[mention.start - 1].word.lower()
    after = tokens[min(mention.end + 1, len(tokens) - 1)].word
    return (before in _BEFORE or not before[-1].isalnum()) and not after[0].isalnum()
