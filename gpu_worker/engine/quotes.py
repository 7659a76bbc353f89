"""Where direct speech stands. After upstream's `english/litbank_quote.py`, `QuoteTagger`."""

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum

from gpu_worker.engine.document import Quote, Token

_DOUBLE_MARKS = frozenset('“”"')
_SINGLE_MARKS = frozenset("‘’'")
#: What may follow an apostrophe that opens a clitic and not a quote.
_CLITICS = frozenset({"s", "d", "ll", "ve"})


class Mark(StrEnum):
    """A sign that a book may set its direct speech in, by upstream's name for it."""

    DOUBLE = "DOUBLE_QUOTE"
    SINGLE = "SINGLE_QUOTE"
    DASH = "DASH"


def find(tokens: Sequence[Token], *, compat: bool) -> list[Quote]:
    """Return the quotes in order: from one mark of the book's kind to the next, within a paragraph.

    An open quote ends with its paragraph; one that the end of the text leaves open is dropped. A book whose
    dashes outnumber its quotation marks has no quotes, for a dash does not tell where speech ends.

    With `compat` a word that spells upstream's name of a mark (`DASH`) is one.
    """
    marks = _prevailing(token.word for token in tokens)
    found: list[Quote] = []
    start = None
    paragraph = None
    for token in tokens:
        if token.paragraph != paragraph:
            if start is not None:
                found.append(Quote(start, token.id - 1))
            start, paragraph = None, token.paragraph
        if _mark(token.word) is not marks and not (compat and token.word == marks):
            continue
        if start is None:
            start = token.id
        else:
            found.append(Quote(start, token.id))
            start = None
    return found


def is_left_open(quote: Quote, tokens: Sequence[Token]) -> bool:
    """Tell whether a quote begins with a quotation mark and ends without one: its paragraph has cut the speech."""
    return _mark(tokens[quote.start].word) is not None and _mark(tokens[quote.end].word) is None


def inside(quotes: Iterable[Quote], token_count: int) -> bytearray:
    """Return one byte a token: 1 where it stands in a quote."""
    flags = bytearray(token_count)
    for quote in quotes:
        length = quote.end + 1 - quote.start
        flags[quote.start : quote.end + 1] = b"\1" * length
    return flags


def _prevailing(words: Iterable[str]) -> Mark:
    """Return the kind of mark that most words are; of kinds equally frequent, the one met first."""
    counts: Counter[Mark] = Counter()
    for word in words:
        if word in _DOUBLE_MARKS:
            counts[Mark.DOUBLE] += 1
        elif word in _SINGLE_MARKS:
            counts[Mark.SINGLE] += 1
        elif word == "—":
            counts[Mark.DASH] += 1
    return counts.most_common(1)[0][0] if counts else Mark.DOUBLE


def _mark(word: str) -> Mark | None:
    """Return the mark that a word is or carries; a double mark counts anywhere, a single one at the front."""
    if not _DOUBLE_MARKS.isdisjoint(word):
        return Mark.DOUBLE
    if word[0] in _SINGLE_MARKS and word[1:] not in _CLITICS:
        return Mark.SINGLE
    return None
