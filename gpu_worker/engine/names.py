"""Mentions that share a name are one cluster: Tom, Mr. Sawyer, Tom Sawyer. After upstream's `english/name_coref.py`.

Three passes, each of which leaves alone what an earlier one resolved: the first-person narrator, identical names
of anything but people, and the names of people. Upstream compares all names with all; here an index finds those
that share a word, with the same outcome.
"""

import heapq
import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from gpu_worker.engine import data
from gpu_worker.engine.document import Mention, Token

UNRESOLVED = -1
NARRATOR = 0

_NARRATOR_PRONOUNS = frozenset({"i", "me", "my", "myself"})

#: Titles that by themselves name nobody.
_TITLES = frozenset(
    {"mr", "mr.", "mrs", "mrs.", "miss", "uncle", "aunt", "lady", "lord", "monsieur", "master", "mistress"}
)

#: One spelling for each title that has several.
_TITLE_SPELLINGS = {
    "mister": "mr.", "mr.": "mr.", "mr": "mr.", "mistah": "mr.", "mastah": "mr.", "master": "mr.",
    "miss": "miss", "ms.": "miss", "ms": "miss", "missus": "miss", "mistress": "miss",
    "mrs.": "mrs.", "mrs": "mrs.",
}  # fmt: skip

#: How people who do not speak standard English spell them, which upstream does not know.
_DIALECT_SPELLINGS = {
    "mester": "mr.", "maister": "mr.", "measter": "mr.", "mas'r": "mr.", "massa": "mr.", "marse": "mr.",
    "missis": "mrs.", "mis'": "mrs.",
}  # fmt: skip

#: Titles before a first name that nobody shortens to a nickname: Kitty is no Lady Catherine.
_RANKS = frozenset({"lady", "lord", "sir", "dame", "countess", "count", "princess", "prince", "queen", "king"})

#: Titles that novels give to a woman whom they call by her surname, in the spelling that titles get.
_OF_WOMEN = frozenset({"miss", "mrs.", "lady", "aunt", "dame", "madame", "mademoiselle"})

#: What is said to anyone or of no one in particular; two mentions of it need not mean one person.
_ANYONE = frozenset({
    "sir", "sirs", "ma'am", "madam", "miss", "my lord", "my lady", "my dear", "my dear sir", "my dear fellow",
    "dear", "gentlemen", "ladies", "ladies and gentlemen", "no one", "nobody", "any one", "anyone", "anybody",
    "some one", "someone", "somebody", "every one", "everyone", "everybody", "one",
})  # fmt: skip

#: A longer name is an error of the tagger, and not a name that others are short for.
_LONGEST_NAME = 9
#: The most words of a longer name that a mention of it may have.
_LONGEST_VARIANT = 7
#: The most ways in which one name's nicknames are read, and those of all a text's names: prose has some thousands
#: in all, and a text made of nicknames must not fill the memory. A name beyond is read as it stands.
_MOST_READINGS = 4_096
_MOST_READINGS_IN_ALL = 200_000
#: Two clusters are one where more than this share of the smaller one's mentions are spelt like some of the other.
_OVERLAP = 0.9

Name = tuple[str, ...]


def cluster(
    tokens: Sequence[Token], mentions: Sequence[Mention], in_quote: Sequence[int], *, compat: bool
) -> list[int]:
    """Return each mention's cluster, `UNRESOLVED` where names do not tell.

    `in_quote` holds a flag for each token. `NARRATOR` is the first-person narrator. With `compat`, a book without one
    gives that number to its first name, titles in dialect are unknown, a nickname may stand for a name with a title of
    rank, and a surname alone for a wife or daughter, all as in upstream.
    """
    lowest = NARRATOR if compat else NARRATOR + 1
    refs = _narrator(mentions, in_quote)
    refs = _identical_names(mentions, refs, lowest)
    titles = _TITLE_SPELLINGS if compat else _TITLE_SPELLINGS | _DIALECT_SPELLINGS
    spellings = [_name_words(mention, tokens, titles) for mention in mentions]
    refs = _people(mentions, spellings, refs, lowest, compat=compat)
    return _merge_overlapping([" ".join(words) for words in spellings], refs)


def lowered(text: str) -> Name:
    """Return the words of a name in lower case, and its titles in one spelling."""
    spellings = _TITLE_SPELLINGS | _DIALECT_SPELLINGS
    return tuple(spellings.get(word, word) for word in text.lower().split(" "))


def merge_nominals(
    mentions: Sequence[Mention], refs: Sequence[int], *, compat: bool, apart: Set[int] = frozenset()
) -> list[int]:
    """Give common nouns that read alike one cluster, the first one's (upstream's `NameCoref.cluster_noms`).

    A mention that corefers with a moved noun moves with it; the mentions `apart` stay as they are. With `compat`, forms
    of address and words such as "no one" are merged too, into people who are nobody.
    """
    first_of: dict[str, int] = {}
    moved: dict[int, int] = {}
    for index, (mention, ref) in enumerate(zip(mentions, refs, strict=True)):
        if mention.prop == "NOM" and index not in apart:
            text = mention.text.lower()
            if text in _ANYONE and not compat:
                continue
            if text in first_of:
                moved[ref] = first_of[text]
            else:
                first_of[text] = ref
    return [moved.get(ref, ref) for ref in refs]


def _narrator(mentions: Iterable[Mention], in_quote: Sequence[int]) -> list[int]:
    """Resolve "I" and its like outside of quotes to the narrator (upstream's `cluster_narrator`)."""
    return [
        NARRATOR
        if mention.text.lower() in _NARRATOR_PRONOUNS and not (in_quote[mention.start] or in_quote[mention.end])
        else UNRESOLVED
        for mention in mentions
    ]


def _identical_names(mentions: Iterable[Mention], refs: Sequence[int], lowest: int) -> list[int]:
    """Resolve names of places and things to one cluster a name and category (`cluster_identical_propers`)."""
    numbers = itertools.count(max(lowest, max(refs, default=UNRESOLVED) + 1))
    clusters: dict[tuple[str, str], int] = {}
    resolved = list(refs)
    for index, mention in enumerate(mentions):
        if mention.prop == "PROP" and mention.category != "PER":
            key = mention.text.lower(), mention.category
            if key not in clusters:
                clusters[key] = next(numbers)
            resolved[index] = clusters[key]
    return resolved


def _name_words(mention: Mention, tokens: Sequence[Token], titles: Mapping[str, str]) -> Name:
    """Return a mention's capitalised nouns and titles, or all its words where it has none."""
    words = []
    for token in tokens[mention.start : mention.end + 1]:
        title = titles.get(token.word.lower())
        if (title or token.pos in ("NOUN", "PROPN")) and token.word.lower()[0] != token.word[0]:
            words.append(title or token.word)
    return tuple(words or mention.text.split(" "))


def _people(
    mentions: Sequence[Mention], spellings: Sequence[Name], refs: Sequence[int], lowest: int, *, compat: bool
) -> list[int]:
    """Resolve each person's name to the longest name that it can be short for (upstream's `name_cluster`).

    Of several the most recent wins, and of those never met the most frequent.
    """
    people = [
        index
        for index, mention in enumerate(mentions)
        if mention.prop == "PROP" and mention.category == "PER" and len(spellings[index]) <= _LONGEST_NAME
    ]
    names = {index: " ".join(spellings[index]).lower() for index in people}
    counts = Counter(names.values())
    full_names = _FullNames(counts, frozenset() if compat else _RANKS)
    wives = {} if compat else _wives(counts)
    numbers = itertools.count(max(lowest, max(refs, default=UNRESOLVED) + 1))
    clusters: dict[str, int] = {}
    last_met: dict[str, int] = {}
    resolved = list(refs)
    for index in people:
        candidates = full_names.of(wives.get(names[index], names[index]))
        if resolved[index] != UNRESOLVED or not candidates:
            continue
        if not compat:
            candidates = _bearers(names[index], candidates)
        full_name = max(candidates, key=lambda name: counts[name] + last_met.get(name, 0))
        last_met[full_name] = index
        if full_name not in clusters:
            clusters[full_name] = next(numbers)
        resolved[index] = clusters[full_name]
    return resolved


def _bearers(name: str, candidates: list[str]) -> list[str]:
    """Return whom a name can mean as it stands: "Barrymore" alone is no Mrs. Barrymore where there is another one."""
    others = [
        other for other in candidates if not (other.endswith(f" {name}") and _OF_WOMEN.intersection(other.split(" ")))
    ]
    return others or candidates


def _wives(counts: Mapping[str, int]) -> dict[str, str]:
    """Return for "mrs. sowerby" the name "susan sowerby", where it can be no daughter's.

    A daughter is Miss Sowerby to some and Martha to most; her mother is hardly ever Susan alone.
    """
    misses = {
        " ".join(words[begin:])
        for words in (name.split(" ") for name in counts if name.startswith("miss "))
        for begin in range(1, len(words))
    }
    women: defaultdict[str, list[str]] = defaultdict(list)
    for name, count in counts.items():
        first, _, surname = name.partition(" ")
        is_womans = first in data.womens_names() and first not in _OF_WOMEN
        if is_womans and surname not in misses and count > counts.get(first, 0):
            women[f"mrs. {surname}"].append(name)
    return {wife: called[0] for wife, called in women.items() if wife in counts and len(called) == 1}


class _FullNames:
    """The names of a text that are short for no other, found by the words that a shorter form may keep."""

    def __init__(self, names: Iterable[str], ranks: frozenset[str]) -> None:
        """Take the names, and the titles that keep a name from having nicknames."""
        self._ranks = ranks
        self._readings = _read_nicknames(names)
        parts = _parts_of_others(self._readings, ranks)
        #: For each word the full names that hold it, in the order in which the text first has them.
        self._holders: dict[str, list[tuple[str, Name]]] = defaultdict(list)
        for name, readings in self._readings.items():
            if name not in parts:
                for reading in readings:
                    for word in set(reading):
                        self._holders[word].append((name, reading))
        self._found: dict[str, list[str]] = {}

    def of(self, name: str) -> list[str]:
        """Return the full names that `name` can be short for, the likelier reading of a nickname first."""
        if name not in self._found:
            self._found[name] = list(dict.fromkeys(self._search(name)))
        return self._found[name]

    def _search(self, short: str) -> Iterator[str]:
        for words in self._readings[short]:
            if len(words) > _LONGEST_VARIANT or (len(words) == 1 and words[0] in _TITLES):
                continue
            rarest = min(words, key=lambda word: len(self._holders.get(word, ())))
            for name, reading in self._holders.get(rarest, ()):
                if _keeps_order(words, reading) and not (_is_nickname(short, words) and self._ranks & set(reading)):
                    yield name


def _is_nickname(name: str, reading: Name) -> bool:
    return name.split(" ") != list(reading)


def _keeps_order(words: Name, name: Name) -> bool:
    """Tell whether all `words` stand in `name` in the same order, others in between or not."""
    rest = iter(name)
    return all(word in rest for word in words)


def _read_nicknames(names: Iterable[str]) -> dict[str, list[Name]]:
    """Return each name with its nicknames read in all ways (upstream's `get_canonical`).

    "em" reads as "emily" and "emma", "em smith" as "emily smith" and "emma smith".
    """
    aliases = data.aliases()
    left = _MOST_READINGS_IN_ALL
    readings: dict[str, list[Name]] = {}
    for name in names:
        words = tuple(name.split(" "))
        if name in aliases:
            readings[name] = [tuple(alias.split(" ")) for alias in aliases[name]]
        else:
            ways = [aliases.get(word, (word,)) for word in words]
            count = math.prod(map(len, ways))
            too_many = count > min(left, _MOST_READINGS)
            readings[name] = [words] if too_many else list(itertools.product(*ways))
        left -= len(readings[name])
    return readings


def _parts_of_others(readings: Mapping[str, Sequence[Name]], ranks: frozenset[str]) -> set[str]:
    """Return the names of which some reading's words are fewer than, and among, those of another name's.

    A nickname is no part of a name with one of the titles `ranks`.
    """
    owners: dict[frozenset[str], set[str]] = defaultdict(set)
    for name, ways in readings.items():
        for words in ways:
            owners[frozenset(words)].add(name)
    holders: dict[str, list[frozenset[str]]] = defaultdict(list)
    for bag in owners:
        for word in bag:
            holders[word].append(bag)
    parts: set[str] = set()
    for bag, owned_by in owners.items():
        rarest = min(bag, key=lambda word: len(holders[word]))
        larger = [other for other in holders[rarest] if bag < other]
        for name in owned_by:
            barred = ranks if bag != set(name.split(" ")) else frozenset()
            if any(owners[other] != {name} and not (other & barred) for other in larger):
                parts.add(name)
    return parts


def _merge_overlapping(spellings: Sequence[str], refs: Sequence[int]) -> list[int]:
    """Merge clusters of which the smaller one's mentions are nearly all spelt like the larger one's (`cluster`)."""
    clusters: dict[int, Counter[str]] = {}
    for spelling, ref in zip(spellings, refs, strict=True):
        if ref not in (UNRESOLVED, NARRATOR):
            clusters.setdefault(ref, Counter())[spelling] += 1
    merging = _Merging(list(clusters), list(clusters.values()))
    moved = merging.run()
    return [_follow(moved, ref) for ref in refs]


def _follow(moved: Mapping[int, int], ref: int) -> int:
    while ref in moved:
        ref = moved[ref]
    return ref


class _Merging:
    """Upstream's pairwise comparison of clusters, in its order, over those pairs alone that share a spelling."""

    def __init__(self, refs: Sequence[int], clusters: Sequence[Counter[str]]) -> None:
        self._refs = refs
        self._clusters = clusters
        self._sizes = [counts.total() for counts in clusters]
        self._holders: dict[str, list[int]] = defaultdict(list)
        for place, counts in enumerate(clusters):
            for spelling in counts:
                self._holders[spelling].append(place)
        self._gone: set[int] = set()

    def run(self) -> dict[int, int]:
        """Return for each cluster that was merged the one it was merged into, which may be gone in turn."""
        moved: dict[int, int] = {}
        for here in range(len(self._refs)):
            for small, big in self._merge_around(here):
                moved[self._refs[small]] = self._refs[big]
        return moved

    def _merge_around(self, here: int) -> Iterator[tuple[int, int]]:
        """Compare the cluster at `here` with its neighbours from the first to the last; yield what was merged."""
        if here in self._gone:
            return
        seen = {here}
        queue = self._unseen(self._clusters[here], seen)
        heapq.heapify(queue)
        while queue:
            there = heapq.heappop(queue)
            if there in self._gone:
                continue
            small, big = (here, there) if self._sizes[there] > self._sizes[here] else (there, here)
            if not self._overlap(small, big):
                continue
            gained = [spelling for spelling in self._clusters[small] if spelling not in self._clusters[big]]
            self._absorb(small, big, gained)
            yield small, big
            if small == here:
                return
            for place in self._unseen(gained, seen):
                if place > there:
                    heapq.heappush(queue, place)

    def _unseen(self, spellings: Iterable[str], seen: set[int]) -> list[int]:
        places = {place for spelling in spellings for place in self._holders[spelling]} - seen
        seen |= places
        return list(places)

    def _overlap(self, small: int, big: int) -> bool:
        shared = sum(count for spelling, count in self._clusters[small].items() if spelling in self._clusters[big])
        return shared / self._sizes[small] > _OVERLAP

    def _absorb(self, small: int, big: int, gained: Iterable[str]) -> None:
        self._clusters[big].update(self._clusters[small])
        self._sizes[big] += self._sizes[small]
        for spelling in gained:
            self._holders[spelling].append(big)
        self._gone.add(small)
