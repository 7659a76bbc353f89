"""LitBank's annotations by the characters of the original text, so that a run over that text can be held against them.

LitBank has its texts as words with spaces between them, every mark apart. What a user hands in is the original.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.litbank import Novel
from training.paragraphs import SAME, plain

#: Characters of the original, from the first to one past the last.
Span = tuple[int, int]

#: So many words in a row must be found together where the original has something that LitBank has not, within so many
#: characters.
_RUN = 3
_REACH = 3_000


@dataclass(frozen=True, slots=True)
class Annotated:
    """The annotated part of an original text."""

    text: str
    #: Each mention's entity.
    mentions: Mapping[tuple[Span, str, str], str]
    events: frozenset[Span]
    #: Each quote's speaker, None where nobody says.
    quotes: Mapping[Span, str | None]


def annotated(novel: Novel, litbank: Path) -> Annotated:
    """Return the annotations of a novel by the characters of its original; raises ValueError where a word is lost."""
    original = (litbank / "original_head" / f"{novel.name}.txt").read_text(encoding="utf-8", errors="replace")
    places = locate([token.word for token in novel.tokens], original)
    first, last = places[0][0], places[-1][1]

    def span(start: int, end: int) -> Span:
        return places[start][0] - first, places[end][1] - first

    return Annotated(
        original[first:last],
        {
            (span(mention.start, mention.end), mention.prop, mention.category): entity
            for mention, entity in zip(novel.mentions, novel.entities, strict=True)
        },
        frozenset(span(event, event) for event in novel.events),
        {span(quote.start, quote.end): speaker for quote, speaker in zip(novel.quotes, novel.speakers, strict=True)},
    )


def locate(words: Sequence[str], original: str) -> list[Span]:
    """Return where each word stands in the original; raises ValueError for a word that is not there."""
    text = original.translate(SAME)
    forms = [plain(word) for word in words]
    places: list[Span] = []
    at = 0
    for index, form in enumerate(forms):
        start = at + len(text[at:]) - len(text[at:].lstrip())
        if not text.startswith(form, start):
            run = re.compile(r"\s*".join(map(re.escape, forms[index : index + _RUN])))
            found = run.search(text, at, at + _REACH)
            if found is None:
                raise ValueError(f"{words[index]!r}, word {index}, is not in the original after character {at}")
            start = found.start()
        at = start + len(form)
        places.append((start, at))
    return places
