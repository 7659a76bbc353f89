"""What each character does, suffers, owns and is. After upstream's `EnglishBookNLP.get_syntax`.

The syntax of each mention's head word says which part the character plays: subject of a verb, object, owner, or
what an adjective or noun is said of.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from gpu_worker.engine.document import Mention, ReferentialGender, Token

#: A character is mentioned at least this often.
_FEWEST_MENTIONS = 2


class Relation(TypedDict):
    """A word that tells of a character, and its token."""

    w: str
    i: int


class NameCount(TypedDict):
    """A way to mention a character, and how often the text does."""

    c: int
    n: str


class Gender(TypedDict):
    """A character's referential gender; see `ReferentialGender`."""

    inference: dict[str, float]
    argmax: str | None
    max: float
    total: float


class Names(TypedDict):
    """All ways in which the text mentions a character, the most frequent first."""

    proper: list[NameCount]
    common: list[NameCount]
    pronoun: list[NameCount]


class Character(TypedDict):
    """A character as BookNLP's `.book` file has it."""

    agent: list[Relation]
    patient: list[Relation]
    mod: list[Relation]
    poss: list[Relation]
    id: int
    g: Gender | None
    count: int
    mentions: Names


def _relations() -> dict[str, list[Relation]]:
    return {"agent": [], "patient": [], "mod": [], "poss": []}


def _names() -> dict[str, Counter[str]]:
    return {"PROP": Counter(), "NOM": Counter(), "PRON": Counter()}


@dataclass(slots=True)
class _Profile:
    """What has been read so far of one character."""

    count: int = 0
    relations: dict[str, list[Relation]] = field(default_factory=_relations)
    names: dict[str, Counter[str]] = field(default_factory=_names)


def describe(
    tokens: Sequence[Token],
    mentions: Sequence[Mention],
    refs: Sequence[int],
    genders: Mapping[int, ReferentialGender],
) -> list[Character]:
    """Return everyone who is mentioned at least twice, the most mentioned first."""
    children = _children(tokens)
    profiles: dict[int, _Profile] = defaultdict(_Profile)
    for mention, ref in zip(mentions, refs, strict=True):
        if mention.category != "PER":
            continue
        profile = profiles[ref]
        profile.count += 1
        profile.names[mention.prop][mention.text] += 1
        head = _head(mention, tokens)
        if head is not None:
            for part, word in _parts(head, tokens, children):
                profile.relations[part].append(Relation(w=word.word, i=word.id))
    frequent = (item for item in profiles.items() if item[1].count >= _FEWEST_MENTIONS)
    ordered = sorted(frequent, key=lambda item: item[1].count, reverse=True)
    return [_character(ref, profile, genders.get(ref)) for ref, profile in ordered]


def _children(tokens: Sequence[Token]) -> Mapping[int, list[Token]]:
    children: dict[int, list[Token]] = defaultdict(list)
    for token in tokens:
        children[token.head].append(token)
    return children


def _head(mention: Mention, tokens: Sequence[Token]) -> Token | None:
    """Return the first word of a mention that hangs from a word outside of it; for a conjunct, what it is joined to.

    A mention that holds the sentence's root has none.
    """
    for token in tokens[mention.start : mention.end + 1]:
        if not mention.start <= token.head <= mention.end:
            is_conjunct = token.dependency == "conj" and token.head != token.id
            return tokens[token.head] if is_conjunct else token
    return None


def _parts(
    head: Token, tokens: Sequence[Token], children: Mapping[int, Sequence[Token]]
) -> Iterator[tuple[str, Token]]:
    """Yield the parts that a mention with this head plays, each with the word that says so."""
    governor = tokens[head.head]
    match head.dependency:
        case "nsubj" if governor.lemma == "be":
            yield from (("mod", word) for word in _attributes(governor, children))
        case "nsubj" if governor.pos == "VERB":
            yield "agent", governor
            yield from (("agent", word) for word in _conjuncts(governor, children) if word.pos == "VERB")
        case "pobj" if governor.dependency == "agent" and governor.head != governor.id:
            verb = tokens[governor.head]
            if verb.pos.startswith("V"):
                yield "agent", verb
        case "dobj" | "nsubjpass" if governor.pos == "VERB":
            yield "patient", governor
        case "poss":
            yield "poss", governor
            yield from (("poss", word) for word in _conjuncts(governor, children))


def _attributes(copula: Token, children: Mapping[int, Sequence[Token]]) -> Iterator[Token]:
    """Yield what a form of "be" says of its subject: "strong" and "happy" in "he was strong and happy"."""
    for word in children.get(copula.id, ()):
        if word.dependency in ("attr", "acomp") and word.pos in ("NOUN", "ADJ"):
            yield word
            yield from (other for other in _conjuncts(word, children) if other.pos in ("NOUN", "ADJ"))


def _conjuncts(token: Token, children: Mapping[int, Sequence[Token]]) -> Iterator[Token]:
    return (child for child in children.get(token.id, ()) if child.dependency == "conj")


def _character(ref: int, profile: _Profile, gender: ReferentialGender | None) -> Character:
    proper, common, pronoun = (
        [NameCount(c=count, n=name) for name, count in profile.names[kind].most_common()]
        for kind in ("PROP", "NOM", "PRON")
    )
    return Character(
        agent=profile.relations["agent"],
        patient=profile.relations["patient"],
        mod=profile.relations["mod"],
        poss=profile.relations["poss"],
        id=ref,
        g=_gender(gender) if gender else None,
        count=profile.count,
        mentions=Names(proper=proper, common=common, pronoun=pronoun),
    )


def _gender(gender: ReferentialGender) -> Gender:
    return Gender(inference=dict(gender.inference), argmax=gender.argmax, max=gender.max, total=gender.total)
