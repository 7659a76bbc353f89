"""The text's words with their syntax: the first stage. After upstream's `common/pipelines.py`, `SpacyPipeline`."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gpu_worker.engine import passages, syntax
from gpu_worker.engine.document import Token
from gpu_worker.engine.source import Source

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.strings import StringStore

    from gpu_worker.engine.parser_process import ParserProcess

_IN_WORD_WHITE_SPACE = str.maketrans({" ": "S", "\n": "N", "\r": "N", "\t": "T"})
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
_BLANK_LINE_OF_UPSTREAM = re.compile(r"\n\n")
_LINE_END = re.compile(r"\n")

#: Where each line is a paragraph, more than these shares of the lines end a sentence, and end another one within. In
#: seven novels at least 95 and 51 % do; wrapped to a page's width, at most 34 % end one.
_ENDING_A_SENTENCE, _ENDING_ANOTHER = 0.7, 0.2
_SENTENCE_ENDS = tuple(".!?…:—")
_AFTER_A_SENTENCE = "\"'”’»)]*_"
#: The end of a sentence within a line; after three small letters, for "Mr." is none.
_ANOTHER_SENTENCE = re.compile(r"[a-z]{3}[.!?…]\W{1,4}[A-Z]")


def read(
    nlp: "Language",
    given: str,
    *,
    compat: bool,
    advance: Callable[[float], None],
    others: "Sequence[ParserProcess]" = (),
) -> list[Token]:
    """Split `given` into tokens and parse them; white space is dropped and ends paragraphs (`_paragraph_end`).

    `compat` keeps upstream's readings: positions count the characters after newline translation, a blank line
    must be wholly empty, line ends alone never end a paragraph, and a word whose head is white space hangs from the
    word before that white space (from word -1 at the text's beginning). A long text is shared with `others`, processes
    that parse beside this one.
    Raises `UnreadableText` where there is nothing to read.
    """
    from gpu_worker.engine.spacy_ops import on_one_core  # imports torch, which whoever has `nlp` waited for

    source = Source.of(given, compat=compat)
    with nlp.memory_zone(), on_one_core():
        parse = passages.parse(nlp, source.text, advance, others)
        strings = _decode(parse.strings, nlp.vocab.strings)
        return assemble(source, parse, strings, compat=compat)


def _decode(hashes: syntax.Hashes, store: "StringStore") -> Mapping[int, str]:
    return {number: store[number] for number in np.unique(hashes).tolist()}


def assemble(source: Source, parse: syntax.Parse, strings: Mapping[int, str], *, compat: bool) -> list[Token]:
    """Return the words of a parse whose hashes `strings` spells out, without the white space between them."""
    words = np.flatnonzero(~parse.spaces)
    # The number of words up to each row, less one: a word's id, and on white space that of the word before it.
    ids = np.cumsum(~parse.spaces) - 1
    heads = ids[parse.heads]
    if not compat:
        heads = np.where(parse.spaces[parse.heads], ids, heads)
    sentences = _sentences(parse)
    firsts = np.concatenate(([0], np.flatnonzero(np.diff(sentences)) + 1))
    onsets = source.positions(parse.onsets[words]).tolist()
    word, lemma, pos, fine_pos, dependency = (
        [strings[number] for number in column.tolist()] for column in parse.strings[words].T
    )
    return list(
        map(
            Token,
            _paragraphs(parse, strings, _BLANK_LINE_OF_UPSTREAM if compat else _paragraph_end(source.text)),
            sentences.tolist(),
            (np.arange(len(words)) - firsts[sentences]).tolist(),
            range(len(words)),
            [text.translate(_IN_WORD_WHITE_SPACE) for text in word],
            lemma,
            onsets,
            [onset + len(text) for onset, text in zip(onsets, word, strict=True)],
            pos,
            fine_pos,
            dependency,
            heads[words].tolist(),
        )
    )


def _sentences(parse: syntax.Parse) -> syntax.Integers:
    """Return each word's sentence; one of nothing but white space does not count."""
    sentences = np.cumsum(parse.sentence_starts)[~parse.spaces]
    return np.unique(sentences, return_inverse=True)[1]


def _paragraph_end(text: str) -> re.Pattern[str]:
    """Return what ends a paragraph: a blank line, or every line end in a text that has a paragraph on each line.

    Word processors and web pages are saved so. Few blank lines stand between; most lines end with a sentence, which
    wrapped lines do by chance alone, and many hold another one, which they do not in a text of a sentence a line.
    """
    lines = [line.strip() for line in text.split("\n")]
    written = [line for line in lines if line]
    ending = sum(line.rstrip(_AFTER_A_SENTENCE).endswith(_SENTENCE_ENDS) for line in written)
    another = sum(_ANOTHER_SENTENCE.search(line) is not None for line in written)
    few_are_blank = len(lines) - len(written) < len(written) / 2
    each_is_one = ending > _ENDING_A_SENTENCE * len(written) and another > _ENDING_ANOTHER * len(written)
    return _LINE_END if few_are_blank and each_is_one else _BLANK_LINE


def _paragraphs(parse: syntax.Parse, strings: Mapping[int, str], end: re.Pattern[str]) -> list[int]:
    """Return each word's paragraph: a new one begins where the white space before a word holds such an `end`."""
    paragraph = 0
    paragraphs = []
    white_space = ""
    for is_space, word in zip(parse.spaces.tolist(), parse.strings[:, 0].tolist(), strict=True):
        if is_space:
            white_space += strings[word]
            continue
        if white_space:
            paragraph += end.search(white_space) is not None
            white_space = ""
        paragraphs.append(paragraph)
    return paragraphs
