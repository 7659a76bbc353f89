"""`.book.html`: the book with its people, places and speakers marked. After upstream's `EnglishBookNLP.process`."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape

from gpu_worker.engine.characters import Character, NameCount
from gpu_worker.engine.document import Mention, Quote, Token
from gpu_worker.engine.names import NARRATOR

_CATEGORIES = ("FAC", "GPE", "LOC", "PER", "ORG", "VEH")
_PROPS = ("PROP", "NOM")
#: How many entities of a category are listed.
_MAJOR = 10
#: So many characters of a name stand beside a mention, but in `compat`: each mention repeats it, however long.
_LONGEST_NAME = 100
#: What one mention says about how its cluster is called.
_NAMING_WEIGHTS = {"PROP": 10, "NOM": 1, "PRON": 0.001}

Names = Mapping[int, str]
Escape = Callable[[str], str]


def render(
    tokens: Sequence[Token],
    mentions: Sequence[Mention],
    refs: Sequence[int],
    quotes: Sequence[Quote],
    speakers: Sequence[int | None],
    characters: Sequence[Character],
    *,
    compat: bool,
) -> str:
    """Return the page. With `compat`, names stand in it unescaped and whole, as upstream writes them."""
    as_text: Escape = str if compat else escape
    names = {ref: as_text(name if compat else _shortened(name)) for ref, name in _names(mentions, refs).items()}
    parts = [
        '<html><head>\n\t\t  <meta charset="UTF-8">\n\t\t</head><h2>Named characters</h2>\n',
        *_named_characters(characters, as_text),
        "<p>\n<h2>Major entities (proper, common)</h2>",
        *_major_entities(mentions, refs, as_text),
        "<h2>Text</h2>\n",
        *_text(tokens, *_marks(mentions, refs, quotes, speakers, names)),
        "</html>",
    ]
    return "".join(parts)


def _names(mentions: Sequence[Mention], refs: Sequence[int]) -> Names:
    """Return each cluster's most telling name."""
    weights: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(int))
    for mention, ref in zip(mentions, refs, strict=True):
        weights[ref][mention.text.lower()] += _NAMING_WEIGHTS[mention.prop]
    return {ref: max(weight, key=lambda name: weight[name]) for ref, weight in weights.items()}


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _named_characters(characters: Sequence[Character], as_text: Escape) -> Iterator[str]:
    for character in characters:
        proper = character["mentions"]["proper"]
        is_narrator = character["id"] == NARRATOR
        if proper or is_narrator:
            called = [*_counted(proper, as_text), *(["[NARRATOR]"] if is_narrator else [])]
            common = _counted(character["mentions"]["common"], as_text)
            yield f"{character['count']} {'/'.join(called)} {'/'.join(common)} <br />\n"


def _counted(names: Sequence[NameCount], as_text: Escape) -> list[str]:
    return [f"{as_text(name['n'])} ({name['c']})" for name in names]


def _major_entities(mentions: Sequence[Mention], refs: Sequence[int], as_text: Escape) -> Iterator[str]:
    clusters: dict[tuple[str, str], dict[int, Counter[str]]] = defaultdict(dict)
    for mention, ref in zip(mentions, refs, strict=True):
        clusters[mention.category, mention.prop].setdefault(ref, Counter())[mention.text] += 1
    for category in _CATEGORIES:
        yield f"<h3>{category}</h3>"
        for prop in _PROPS:
            counters = sorted(clusters[category, prop].values(), key=Counter.total, reverse=True)
            for counter in counters[:_MAJOR]:
                texts = "/".join(as_text(text) for text, _ in counter.most_common())
                yield f"{counter.total()} {texts} <br />"
            yield "<p>"


def _marks(
    mentions: Sequence[Mention],
    refs: Sequence[int],
    quotes: Sequence[Quote],
    speakers: Sequence[int | None],
    names: Names,
) -> tuple[Mapping[int, str], Mapping[int, str]]:
    """Return what to write before and after tokens, by token."""
    before: dict[int, str] = defaultdict(str)
    after: dict[int, str] = defaultdict(str)
    for mention, ref in zip(mentions, refs, strict=True):
        before[mention.start] += '<font color="#D0D0D0">[</font>'
        after[mention.end] = (
            f'<font color="#D0D0D0">]</font><font color="#FF00FF"><sub>{ref}-{names[ref]}</sub></font>'
            + after[mention.end]
        )
    for quote, speaker in zip(quotes, speakers, strict=True):
        who = "None-None" if speaker is None else f"{refs[speaker]}-{names[refs[speaker]]}"
        before[quote.start] += '<font color="#666699">'
        after[quote.end] += f"</font><sub>[{who}]</sub>"
    return before, after


def _text(tokens: Sequence[Token], before: Mapping[int, str], after: Mapping[int, str]) -> Iterator[str]:
    paragraph = None
    for token in tokens:
        if token.paragraph != paragraph:
            yield "<p />"
            paragraph = token.paragraph
        yield f"{before.get(token.id, '')}{escape(token.word)}{after.get(token.id, '')} "
