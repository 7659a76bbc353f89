"""BookNLP's output files and their rows. After upstream's `EnglishBookNLP.process`."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gpu_worker.engine.characters import Character
from gpu_worker.engine.document import Mention, Quote, Supersense, Token

#: A field of a row; None is written as `None` in a file.
Field = str | int | None
Row = tuple[Field, ...]

TOKEN_COLUMNS = (
    "paragraph_ID", "sentence_ID", "token_ID_within_sentence", "token_ID_within_document", "word", "lemma",
    "byte_onset", "byte_offset", "POS_tag", "fine_POS_tag", "dependency_relation", "syntactic_head_ID", "event",
)  # fmt: skip
ENTITY_COLUMNS = ("COREF", "start_token", "end_token", "prop", "cat", "text")
QUOTE_COLUMNS = (
    "quote_start", "quote_end", "mention_start", "mention_end", "mention_phrase", "char_id", "quote",
)  # fmt: skip
SUPERSENSE_COLUMNS = ("start_token", "end_token", "supersense_category", "text")

EVENT, NO_EVENT = "EVENT", "O"

#: Whatever some reader takes for the end of a field or a row (`str.splitlines`).
_SEPARATORS = re.compile("[\t\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")


def token_rows(
    tokens: Iterable[Token], byte_onsets: Iterable[int], byte_offsets: Iterable[int], events: frozenset[int]
) -> Iterator[Row]:
    """Yield the rows of `.tokens`."""
    for token, onset, offset in zip(tokens, byte_onsets, byte_offsets, strict=True):
        yield (
            token.paragraph,
            token.sentence,
            token.index_in_sentence,
            token.id,
            token.word,
            token.lemma,
            onset,
            offset,
            token.pos,
            token.fine_pos,
            token.dependency,
            token.head,
            EVENT if token.id in events else NO_EVENT,
        )


def entity_rows(mentions: Iterable[Mention], refs: Iterable[int]) -> Iterator[Row]:
    """Yield the rows of `.entities`."""
    for mention, ref in zip(mentions, refs, strict=True):
        yield ref, mention.start, mention.end, mention.prop, mention.category, mention.text


def quote_rows(
    quotes: Iterable[Quote],
    speakers: Iterable[int | None],
    mentions: Sequence[Mention],
    refs: Sequence[int],
    tokens: Sequence[Token],
) -> Iterator[Row]:
    """Yield the rows of `.quotes`; `speakers` are indices into `mentions`."""
    for quote, speaker in zip(quotes, speakers, strict=True):
        words = " ".join([token.word for token in tokens[quote.start : quote.end + 1]])
        if speaker is None:
            yield quote.start, quote.end, None, None, None, None, words
        else:
            mention = mentions[speaker]
            yield quote.start, quote.end, mention.start, mention.end, mention.text, refs[speaker], words


def supersense_rows(supersenses: Iterable[Supersense]) -> Iterator[Row]:
    """Yield the rows of `.supersense`."""
    for supersense in supersenses:
        yield supersense.start, supersense.end, supersense.category, supersense.text


def table(columns: Sequence[str], rows: Iterable[Row], *, compat: bool) -> str:
    """Return a file of tab-separated rows under a header.

    A tab or line end within a field becomes a space; `compat` writes it as it is, and so breaks the row.
    """
    lines = ["\t".join(columns)]
    for row in rows:
        fields = map(str, row)
        lines.append("\t".join(fields if compat else [_SEPARATORS.sub(" ", field) for field in fields]))
    return "\n".join(lines) + "\n"


def book(characters: Sequence[Character]) -> str:
    """Return `.book`: the characters as JSON, in ASCII."""
    return json.dumps({"characters": characters})


def items(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[Mapping[str, Field]]:
    """Yield rows as objects that name their fields."""
    return (dict(zip(columns, row, strict=True)) for row in rows)
