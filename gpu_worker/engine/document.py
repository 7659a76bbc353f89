"""The plain data that travels between the stages: tokens, mentions, supersenses and quotes of one document.

Every position is an index into the document's tokens; spans are inclusive at both ends, as in BookNLP's files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Task(StrEnum):
    """What a caller can ask of the pipeline, under BookNLP's own names."""

    ENTITY = "entity"
    QUOTE = "quote"
    SUPERSENSE = "supersense"
    EVENT = "event"
    COREF = "coref"


class Stage(StrEnum):
    """The engine's stages in the order in which they run; each one's output can be checkpointed."""

    TOKENS = "tokens"
    TAGGING = "tagging"
    QUOTES = "quotes"
    NAMES = "names"
    SPEAKERS = "speakers"
    COREFERENCE = "coreference"
    CHARACTERS = "characters"


@dataclass(frozen=True, slots=True)
class Token:
    """One word or mark of the text with its syntax, a row of BookNLP's `.tokens` file (without the event)."""

    #: Index of the paragraph, counted at blank lines.
    paragraph: int
    #: Index of the sentence in the document.
    sentence: int
    #: Index of the token in its sentence.
    index_in_sentence: int
    #: Index of the token in the document.
    id: int
    #: The surface form; never empty.
    word: str
    lemma: str
    #: Offset of the first character, in characters of the text.
    onset: int
    #: Offset after the last character, in characters of the text.
    offset: int
    #: Universal part of speech.
    pos: str
    #: Penn Treebank part of speech.
    fine_pos: str
    dependency: str
    #: Document index of the syntactic head; the token's own index at the root.
    head: int


@dataclass(frozen=True, slots=True, order=True)
class Mention:
    """A span that names an entity: a row of `.entities` before coreference. Orders by position."""

    start: int
    end: int
    #: How it names: PROP (proper name), NOM (common noun) or PRON (pronoun).
    prop: str
    #: What it names: PER, FAC, GPE, LOC, VEH or ORG.
    category: str
    #: The tokens' words, joined by one space.
    text: str

    @property
    def label(self) -> str:
        """The mention's tag as BookNLP's tagset spells it, such as `PROP_PER`."""
        return f"{self.prop}_{self.category}"


@dataclass(frozen=True, slots=True)
class Supersense:
    """A span with its WordNet lexicographer class: a row of `.supersense`."""

    start: int
    end: int
    category: str
    text: str


@dataclass(frozen=True, slots=True)
class Quote:
    """A stretch of direct speech, its quotation marks included."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Tagging:
    """What the tagging stage finds; a task that was not asked for leaves its part empty."""

    #: Sorted by position.
    mentions: Sequence[Mention]
    supersenses: Sequence[Supersense]
    #: Indices of the tokens that are events.
    events: frozenset[int]


@dataclass(frozen=True, slots=True)
class ReferentialGender:
    """Which pronouns a book uses for one cluster of mentions: the `g` of a character in `.book`."""

    #: Share of each category, by its name such as `he/him/his`.
    inference: Mapping[str, float]
    #: The category with the largest share.
    argmax: str | None
    #: That share.
    max: float
    #: How much evidence there was, in (pseudo-)counts of pronouns.
    total: float
