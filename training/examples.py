"""What each step reads, in the order in which a seed puts it.

The order is a function of the seed alone, so a run that is taken up again walks past what it has read.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from gpu_worker.engine import tagging, windows
from gpu_worker.engine.document import Token
from gpu_worker.engine.layout import Model
from gpu_worker.engine.windows import Integers
from gpu_worker.engine.wordpiece import Pieces
from training import speaker_loss
from training.dialogue import without_cues
from training.litbank import Novel
from training.networks import Builder
from training.recipe import Recipe
from training.semcor import BrownText
from training.speaker_loss import Question
from training.tagger_loss import Stretch, nested_tags


class Kind(StrEnum):
    """What a step learns from."""

    NOVELS = "novels"
    BROWN = "brown"
    QUOTES = "quotes"


@dataclass(frozen=True, slots=True)
class Text:
    """A text as the tagger's encoder reads it, and where its sentences end."""

    pieces: Pieces
    sentences: Integers


@dataclass(frozen=True, slots=True)
class NovelText:
    """A novel with what is to be learnt from it, by token."""

    novel: Novel
    text: Text
    #: `[layers, tokens]`
    layers: Integers
    #: 1 for an event.
    events: Integers


@dataclass(frozen=True, slots=True)
class BrownTags:
    """A Brown text with what is to be learnt from it, by token."""

    text: Text
    tags: Integers
    #: First senses in WordNet.
    senses: Integers


@dataclass(frozen=True, slots=True)
class NovelStep:
    """A stretch of a novel to read."""

    of: NovelText
    stretch: Stretch


@dataclass(frozen=True, slots=True)
class BrownStep:
    """A stretch of a Brown text to read."""

    of: BrownTags
    stretch: Stretch


@dataclass(frozen=True, slots=True)
class QuoteStep:
    """Quotes to ask about."""

    questions: Sequence[Question]


Step = NovelStep | BrownStep | QuoteStep


class Examples:
    """The training texts, ready to be cut into steps."""

    def __init__(self, novels: Sequence[Novel], brown: Sequence[BrownText], builder: Builder, recipe: Recipe) -> None:
        self._recipe = recipe
        self._novels = [_novel_text(novel, builder) for novel in novels]
        self._brown = [_brown_tags(text, builder) for text in brown]
        tokenizer = builder.tokenizers[Model.TAGGER]
        self._frame = tokenizer.id_of("[CLS]"), tokenizer.id_of("[SEP]")
        # Quotes are folded by the tokeniser that a network carries; any weights will do.
        self._speaker = builder.pack(builder.foundation.fresh(0)).speaker

    def steps(self) -> Iterator[Step]:
        """Yield what each step reads, without end."""
        recipe = self._recipe
        streams: dict[Kind, Iterator[Step]] = {
            Kind.NOVELS: self._passes(Kind.NOVELS, self._novel_steps),
            Kind.BROWN: self._passes(Kind.BROWN, self._brown_steps),
            Kind.QUOTES: self._passes(Kind.QUOTES, self._quote_steps),
        }
        kinds = random.Random(f"{recipe.seed} kinds")
        while True:
            (kind,) = kinds.choices(tuple(streams), (recipe.novels, recipe.brown, recipe.quotes))
            yield next(streams[kind])

    def _passes(self, kind: Kind, steps_of: Callable[[random.Random], list[Step]]) -> Iterator[Step]:
        number = 0
        while True:
            rng = random.Random(f"{self._recipe.seed} {kind} {number}")
            steps = steps_of(rng)
            rng.shuffle(steps)
            yield from steps
            number += 1

    def _novel_steps(self, rng: random.Random) -> list[Step]:
        return [NovelStep(of, stretch) for of in self._novels for stretch in self._stretches(of.text, rng)]

    def _brown_steps(self, rng: random.Random) -> list[Step]:
        return [BrownStep(of, stretch) for of in self._brown for stretch in self._stretches(of.text, rng)]

    def _quote_steps(self, rng: random.Random) -> list[Step]:
        recipe = self._recipe
        asked: list[Question] = []
        for text in self._novels:
            novel = text.novel
            if rng.random() < recipe.without_cues:
                novel = without_cues(novel, rng.random(), rng)
            asked += speaker_loss.questions(novel, self._speaker)
        rng.shuffle(asked)
        asked.sort(key=lambda question: question.length // 32)
        size = recipe.quotes_a_step
        return [QuoteStep(asked[start : start + size]) for start in range(0, len(asked), size)]

    def _stretches(self, text: Text, rng: random.Random) -> Iterator[Stretch]:
        """Yield consecutive windows, of one length for the whole text, about as many as a step should read."""
        recipe = self._recipe
        most = recipe.long_window if rng.random() < recipe.long_share else recipe.window - rng.randrange(32)
        cut = windows.sentence_windows(text.sentences, text.pieces, most=most)
        filled = np.flatnonzero(cut.ends > cut.starts)
        count = max(1, round(len(filled) * most / recipe.pieces))
        size = math.ceil(len(filled) / count)
        first, last = self._frame
        for start in range(0, len(filled), size):
            chosen = filled[start : start + size]
            yield Stretch.of(cut.starts[chosen], cut.ends[chosen], text.pieces, first=first, last=last)


def _novel_text(novel: Novel, builder: Builder) -> NovelText:
    count = len(novel.tokens)
    events = np.zeros(count, np.int64)
    events[list(novel.events)] = 1
    layers = nested_tags(novel.mentions, count, builder.foundation.tag_sets.entity)
    return NovelText(novel, _text(novel.tokens, builder), layers, events)


def _brown_tags(text: BrownText, builder: Builder) -> BrownTags:
    number = {tag: index for index, tag in enumerate(builder.foundation.tag_sets.supersense)}
    tags = np.array([number[tag] for tag in text.tags])
    return BrownTags(_text(text.tokens, builder), tags, tagging.first_senses(text.tokens))


def _text(tokens: Sequence[Token], builder: Builder) -> Text:
    pieces = builder.tokenizers[Model.TAGGER].split_all([token.word for token in tokens])
    return Text(pieces, np.array([token.sentence for token in tokens]))
