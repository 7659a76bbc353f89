"""Whom "her father" means, where names tell: the father of Emma Woodhouse is Mr. Woodhouse.

A common noun joins only its like in upstream, so Mr. Woodhouse and "her father" are two people. But a novel that gives
its people titles and surnames says who is married to whom, and whose parents they are.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from gpu_worker.engine import names
from gpu_worker.engine.document import Mention, Token

_PERSON, _NAME, _NOUN = "PER", "PROP", "NOM"


class Title(Enum):
    """What the title before a surname says of its bearer."""

    MAN = frozenset(
        {"mr.", "sir", "dr", "dr.", "doctor", "captain", "colonel", "major", "general", "admiral", "lieutenant", "lord"}
        | {"baron", "count", "squire", "reverend", "rev.", "deacon", "judge", "monsieur", "m."}
    )
    WIFE = frozenset({"mrs.", "lady", "madame", "mme.", "baroness", "countess"})


class Relation(Enum):
    """What somebody is to somebody else, by the nouns that say so."""

    FATHER = frozenset({"father", "papa"})
    MOTHER = frozenset({"mother", "mama", "mamma"})
    HUSBAND = frozenset({"husband"})
    WIFE = frozenset({"wife"})


_NOUNS = {noun: relation for relation in Relation for noun in relation.value}
_TITLE_OF_RELATIVE = {
    Relation.FATHER: Title.MAN,
    Relation.MOTHER: Title.WIFE,
    Relation.HUSBAND: Title.MAN,
    Relation.WIFE: Title.WIFE,
}
#: Whose husband and wife a surname tells; a parent's is told for those whom titles say nothing of, for Mrs. Weston has
#: not her father's name, and a Mr. Weston may be her father's brother.
_TITLE_OF_BEARER = {
    Relation.FATHER: None,
    Relation.MOTHER: None,
    Relation.HUSBAND: Title.WIFE,
    Relation.WIFE: Title.MAN,
}

#: The most words of a noun phrase such as "her own dear father".
_LONGEST = 5
#: How often a bearer of a surname must be called by title, and how many times as often as another such bearer.
_KNOWN, _FOREMOST = 3, 10


@dataclass(frozen=True, slots=True)
class Kinship:
    """The nouns of a text that tell of relatives, and its families."""

    #: For each such noun's mention, the mention of whose relative it is, and which.
    nouns: Mapping[int, tuple[int, Relation]]
    #: The surname of each person, by cluster.
    surnames: Mapping[int, str]
    #: The title that each person mostly bears, None where it is none of these.
    titles: Mapping[int, Title | None]
    #: For each surname and title, how often each person bears both.
    bearers: Mapping[tuple[str, Title], Counter[int]]

    @classmethod
    def of(cls, mentions: Sequence[Mention], tokens: Sequence[Token], refs: Sequence[int]) -> "Kinship":
        """Read the families from the names in a text; `refs` are the clusters of names, and no more need be known."""
        called: defaultdict[int, Counter[names.Name]] = defaultdict(Counter)
        for mention, ref in zip(mentions, refs, strict=True):
            if mention.prop == _NAME and mention.category == _PERSON and ref != names.UNRESOLVED:
                called[ref][names.lowered(mention.text)] += 1
        surnames: dict[int, str] = {}
        titles: dict[int, Title | None] = {}
        bearers: defaultdict[tuple[str, Title], Counter[int]] = defaultdict(Counter)
        for person, counts in called.items():
            surname, borne = _surname(counts), _titles(counts)
            if surname is not None:
                surnames[person] = surname
                titles[person] = max(borne, key=borne.__getitem__)
                for title in Title:
                    bearers[surname, title][person] = borne[title]
        return cls(dict(_nouns(mentions, tokens)), surnames, titles, bearers)

    def relative(self, index: int, clusters: Sequence[int | None]) -> int | None:
        """Return the cluster of whom a mention means, None where it tells of no relative or names do not tell whom.

        `clusters` must hold that of the mention whose relative it is.
        """
        if index not in self.nouns:
            return None
        whose, relation = self.nouns[index]
        person = clusters[whose]
        if person is None or person not in self.surnames or self.titles[person] is not _TITLE_OF_BEARER[relation]:
            return None
        bearers = self.bearers[self.surnames[person], _TITLE_OF_RELATIVE[relation]]
        others = [pair for pair in bearers.most_common(3) if pair[0] != person][:2]
        (first, count), (_, second) = [*others, (person, 0), (person, 0)][:2]
        return first if count >= _KNOWN and count >= _FOREMOST * second else None

    def told(self, clusters: Sequence[int]) -> frozenset[int]:
        """Return the mentions of relatives whom names tell."""
        return frozenset(index for index in self.nouns if self.relative(index, clusters) is not None)


def _nouns(mentions: Sequence[Mention], tokens: Sequence[Token]) -> Iterator[tuple[int, tuple[int, Relation]]]:
    """Yield the mentions that tell of a relative, with the mention at their beginning, of which they tell it."""
    first: dict[int, int] = {}
    for index, mention in enumerate(mentions):
        whose = first.setdefault(mention.start, index)
        relation = _NOUNS.get(tokens[mention.end].word.lower())
        is_longer = whose != index and mentions[whose].prop != _NOUN and mentions[whose].end < mention.end
        if relation and mention.prop == _NOUN and is_longer and mention.end - mention.start < _LONGEST:
            yield index, (whose, relation)


def _surname(counts: Mapping[names.Name, int]) -> str | None:
    """Return the last word of most of a person's longer names."""
    last: Counter[str] = Counter()
    for words, count in counts.items():
        if len(words) > 1 and words[-1].isalpha():
            last[words[-1]] += count
    return last.most_common(1)[0][0] if last else None


def _titles(counts: Mapping[names.Name, int]) -> dict[Title | None, int]:
    """Return how often each title, or none, stands before a person's names."""
    borne: dict[Title | None, int] = {None: 0, **dict.fromkeys(Title, 0)}
    for words, count in counts.items():
        title = next((title for title in Title if len(words) > 1 and words[0] in title.value), None)
        borne[title] += count
    return borne
