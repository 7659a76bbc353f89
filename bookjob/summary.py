"""What a reader wants to know first of a result: who is in the book, who speaks, where it plays, what happens."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bookjob.models import Character, Entity, NameCount, Quote, Reading

#: How many of each a summary names.
_CHARACTERS: Final = 10
_SPEAKERS: Final = 5
_PLACES: Final = 8
_EVENTS: Final = 10
_OTHER_NAMES: Final = 3

_PLACE_CATEGORIES: Final = frozenset({"GPE", "LOC", "FAC"})
_FIRST_PERSON: Final = frozenset({"i", "me", "my", "mine", "myself"})
_NARRATOR: Final = " (narrator)"
#: A quote of this many words tells something and still fits a line.
_TELLING_WORDS: Final = range(4, 13)
_SENTENCE_ENDS: Final = (".", "!", "?", "…")
_QUOTATION_MARKS: Final = "\"'“”‘’«»„ "


@dataclass(frozen=True, slots=True)
class CharacterLine:
    """One character: how the book names them most, how else, and how often."""

    name: str
    #: Other names, most frequent first.
    other_names: tuple[str, ...]
    mentions: int
    #: How many quotes they speak.
    quotes: int
    #: The pronouns that the book most likely uses for them, such as `she/her`; None where it does not tell.
    pronouns: str | None


@dataclass(frozen=True, slots=True)
class SpeakerLine:
    """One speaker, how many quotes they speak, and one of them."""

    name: str
    quotes: int
    sample: str


@dataclass(frozen=True, slots=True)
class Summary:
    """The most telling of everything that was found, and how much there is in all."""

    tokens: int
    sentences: int
    entities: int
    quotes: int
    #: Quotes for which no speaker was found.
    unattributed_quotes: int
    events: int
    supersenses: int
    #: How many characters there are in all.
    characters_total: int
    #: Most mentioned first.
    characters: tuple[CharacterLine, ...]
    #: Most talkative first.
    speakers: tuple[SpeakerLine, ...]
    #: Named places and how often each is named, most frequent first.
    places: tuple[tuple[str, int], ...]
    #: Lemmas of events and how often each happens, most frequent first.
    event_lemmas: tuple[tuple[str, int], ...]


def summarize(reading: Reading) -> Summary:
    """Return the summary of what was found in a book; parts that were not asked for are empty."""
    spoken = Counter(map(_speaker, reading.quotes))
    by_mentions = sorted(reading.characters, key=lambda character: -character.count)
    names = {character.id: _name(character) for character in by_mentions}
    lemmas = Counter(event.lemma.casefold() for event in reading.events)
    return Summary(
        tokens=len(reading.tokens),
        sentences=len({token["sentence_ID"] for token in reading.tokens}),
        entities=len(reading.entities),
        quotes=len(reading.quotes),
        unattributed_quotes=spoken[None],
        events=len(reading.events),
        supersenses=len(reading.supersenses),
        characters_total=len(reading.characters),
        characters=tuple(_character_line(c, names[c.id], spoken[c.id]) for c in by_mentions[:_CHARACTERS]),
        speakers=tuple(_speaker_lines(reading.quotes, names)),
        places=tuple(_places(reading.entities)),
        event_lemmas=tuple(lemmas.most_common(_EVENTS)),
    )


def _character_line(character: Character, name: str, quotes: int) -> CharacterLine:
    mentions = character.mentions
    others = _distinct(_names(mentions.proper) + _names(mentions.common), without=name.removesuffix(_NARRATOR))
    return CharacterLine(
        name=name,
        other_names=tuple(others[:_OTHER_NAMES]),
        mentions=character.count,
        quotes=quotes,
        pronouns=character.g.argmax if character.g else None,
    )


def _name(character: Character) -> str:
    """Return what to call a character: the most frequent name, else a description, else what the pronouns tell."""
    mentions = character.mentions
    for name in _names(mentions.proper) + _names(mentions.common):
        return name + _NARRATOR if _narrates(character) else name
    if _narrates(character):
        return "the narrator"
    for pronoun in _names(mentions.pronoun):
        return f"someone (“{pronoun}”)"
    return f"character {character.id}"


def _narrates(character: Character) -> bool:
    """Whether this is the first-person narrator: BookNLP keeps id 0 for one, who is `I` outside of quotes."""
    if character.id != 0:
        return False
    counts: Counter[bool] = Counter()
    for mention in character.mentions.pronoun:
        counts[mention.n.casefold() in _FIRST_PERSON] += mention.c
    return counts[True] > counts[False]


def _names(mentions: Iterable[NameCount]) -> list[str]:
    """Return the names as printed, most frequent first."""
    names = (plain(mention.n) for mention in sorted(mentions, key=lambda mention: -mention.c))
    return [name for name in names if name]


def _distinct(names: Iterable[str], without: str) -> list[str]:
    """Return the names, each once whatever its case, without the one that stands for the character already."""
    spelling: dict[str, str] = {}
    for name in names:
        spelling.setdefault(name.casefold(), name)
    spelling.pop(without.casefold(), None)
    return list(spelling.values())


def _speaker(quote: Quote) -> int | str | None:
    """Return who speaks: a character's id, a description where nobody was gathered under an id, None if unknown."""
    if quote.char_id is not None and quote.char_id >= 0:
        return quote.char_id
    return plain(quote.mention_phrase or "") or None


def _speaker_lines(quotes: Iterable[Quote], names: Mapping[int, str]) -> Iterator[SpeakerLine]:
    by_speaker: dict[int | str, list[Quote]] = {}
    for quote in quotes:
        speaker = _speaker(quote)
        if speaker is not None:
            by_speaker.setdefault(speaker, []).append(quote)
    talkative = sorted(by_speaker.items(), key=lambda item: -len(item[1]))
    for speaker, spoken in talkative[:_SPEAKERS]:
        name = speaker if isinstance(speaker, str) else names.get(speaker) or _described(speaker, spoken)
        yield SpeakerLine(name, len(spoken), _sample(spoken))


def _described(speaker: int, quotes: Iterable[Quote]) -> str:
    phrases = Counter(quote.mention_phrase for quote in quotes if quote.mention_phrase)
    return plain(phrases.most_common(1)[0][0]) if phrases else f"character {speaker}"


def _sample(quotes: Sequence[Quote]) -> str:
    """Return one quote's words without its marks: the first whole sentence of a telling length, else the longest."""
    words = [plain(quote.quote).strip(_QUOTATION_MARKS) for quote in quotes]
    return next(filter(_tells_something, words), None) or max(words, key=len)


def _tells_something(said: str) -> bool:
    return len(said.split()) in _TELLING_WORDS and said[0].isupper() and said.endswith(_SENTENCE_ENDS)


def _places(entities: Iterable[Entity]) -> list[tuple[str, int]]:
    named = [plain(entity.text) for entity in entities if entity.cat in _PLACE_CATEGORIES and entity.prop == "PROP"]
    counts = Counter(name.casefold() for name in named)
    # The spelling that comes first in the book stands for all that differ by case alone.
    spelling = {name.casefold(): name for name in reversed(named)}
    return [(spelling[key], count) for key, count in counts.most_common(_PLACES)]


_BEFORE_CLOSING: Final = re.compile(r"\s+(?=[,.;:!?…)\]}’”]|n['’]t\b|['’](?:s|m|d|re|ve|ll|em)\b)")
_AFTER_OPENING: Final = re.compile(r"(?<=[(\[{“‘])\s+")
#: spaCy parts forty-four; a dash between spaces is most often longer than a hyphen.
_AROUND_HYPHEN: Final = re.compile(r"(?<=\w) - (?=\w)")


def plain(tokens: str) -> str:
    """Return words that are joined by one space as a printed book sets them: no space before a comma, and so on."""
    one_line = " ".join(tokens.replace("_", " ").split())
    return _AROUND_HYPHEN.sub("-", _AFTER_OPENING.sub("", _BEFORE_CLOSING.sub("", one_line))).strip()
