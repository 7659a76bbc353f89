"""Which pronouns a book uses for its people. After upstream's `english/gender_inference_model_1.py`, `GenderEM`.

IBM model 1 (Brown et al., 1993) aligns each gendered pronoun with the people mentioned shortly before it, from
priors on names and titles that the book itself may overrule. The priors are pseudo-counts from many novels. What
is inferred is the referential gender of a character, "he/him/his", and not an identity.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gpu_worker.engine import data
from gpu_worker.engine.document import Mention, ReferentialGender, Token
from gpu_worker.engine.names import UNRESOLVED
from gpu_worker.engine.options import Categories

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_EPOCHS = 25
#: A person counts who is mentioned fewer than this many tokens before the pronoun.
_DISTANCE = 25
#: The most pseudo-counts that a prior may weigh.
_UPPER = 10
_SMOOTHING = 0.1
#: A title says more than a name: Mrs. Tom Smith.
_TITLE_WEIGHT = 10_000

_TITLES = frozenset(
    {
        "mr", "mr.", "mister", "master", "sir", "lord", "uncle", "monsieur", "herr", "king", "prince",
        "mrs", "mrs.", "ms.", "miss", "mistress", "lady", "aunt", "madame", "mademoiselle", "frau", "fräulein",
        "dame", "queen", "princess", "captain", "colonel", "general", "lieutenant", "major", "sergeant",
    }
)  # fmt: skip


def category_name(category: Sequence[str]) -> str:
    """Return a category's name, its pronouns joined: `he/him/his`."""
    return "/".join(category)


def infer(
    tokens: Sequence[Token], mentions: Sequence[Mention], refs: Sequence[int], categories: Categories
) -> dict[int, ReferentialGender]:
    """Return the referential gender of each cluster of people in `refs` (upstream's `GenderEM.tag`).

    With fewer than two categories there is nothing to tell apart, and nothing is returned, as upstream does.
    """
    if len(categories) < 2:
        return {}
    terms = [_term(mention, tokens) for mention in mentions]
    clusters = _terms_of_clusters(terms, refs)
    keys: list[str | int] = [term if ref == UNRESOLVED else ref for term, ref in zip(terms, refs, strict=True)]
    people = [index for index, mention in enumerate(mentions) if mention.category == "PER"]
    rows = {key: row for row, key in enumerate(dict.fromkeys(keys[index] for index in people))}
    priors = _Priors.read(set(terms), categories)
    start = np.array([_pseudo_counts(key, clusters, rows, priors) for key in rows])
    alignments = _alignments(mentions, people, [rows[keys[index]] for index in people], categories)
    counts = _align(start, alignments) if rows else start
    return {key: _gender(counts[row].tolist(), categories) for key, row in rows.items() if isinstance(key, int)}


def complete(
    genders: Mapping[int, ReferentialGender],
    mentions: Sequence[Mention],
    refs: Sequence[int],
    categories: Categories,
) -> dict[int, ReferentialGender]:
    """Add the gender of clusters that have none yet by counting their pronouns (`update_gender_from_coref`)."""
    names_of = defaultdict(list)
    for category in categories:
        for pronoun in category:
            names_of[pronoun].append(category_name(category))
    pronouns: dict[int, Counter[str]] = {}
    for mention, ref in zip(mentions, refs, strict=True):
        if ref not in genders:
            for name in names_of.get(mention.text.lower(), ()):
                pronouns.setdefault(ref, Counter())[name] += 1
    completed = dict(genders)
    for ref, counts in pronouns.items():
        total = counts.total()
        argmax, most = counts.most_common(1)[0]
        shares: dict[str, float] = {category_name(category): 0 for category in categories}
        shares |= {name: count / total for name, count in counts.items()}
        completed[ref] = ReferentialGender(shares, argmax, most / total, total)
    return completed


def _term(mention: Mention, tokens: Sequence[Token]) -> str:
    """Return what a mention is called, as the table of priors spells it: a common noun by its head alone."""
    text = mention.text
    if mention.prop == "NOM":
        span = range(mention.start, mention.end + 1)
        heads = [token for token in tokens[mention.start : mention.end + 1] if token.head not in span]
        text = heads[-1].word if heads else text
    return f"{text}\t{mention.prop}".lower()


def _terms_of_clusters(terms: Sequence[str], refs: Sequence[int]) -> dict[int, Counter[str]]:
    clusters: dict[int, Counter[str]] = {}
    for term, ref in zip(terms, refs, strict=True):
        if ref != UNRESOLVED:
            clusters.setdefault(ref, Counter())[term] += 1
    return clusters


@dataclass(frozen=True, slots=True)
class _Priors:
    """Pseudo-counts for each category of pronouns, from novels read before."""

    by_term: Mapping[str, Sequence[float]]
    by_title: Mapping[str, Sequence[float]]
    #: What a term has of which nothing is known.
    unknown: Sequence[float]

    @classmethod
    def read(cls, terms: Set[str], categories: Categories) -> "_Priors":
        """Read the priors of `terms` and of all titles (upstream's `read_hyperparams`).

        A category that the table does not know has none.
        """
        lines = data.gender_priors()
        header = next(lines).rstrip().split("\t")
        columns = [
            header.index(name) if (name := category_name(category)) in header else None for category in categories
        ]
        by_term: dict[str, list[float]] = {}
        by_title: dict[str, list[float]] = {}
        for line in lines:
            term = line[: line.index("\t", line.index("\t") + 1)]
            title = line[: line.index("\t")].partition(" ")[0]
            if term not in terms and title not in _TITLES:
                continue
            cells = line.split("\t")
            counts = [0.0 if column is None else float(cells[column]) for column in columns]
            if title in _TITLES:
                sums = by_title.setdefault(title, [0.0] * len(categories))
                by_title[title] = [one + other for one, other in zip(sums, counts, strict=True)]
            if term in terms and sum(counts) >= _UPPER:
                by_term[term] = _bounded(counts)
        return cls(
            by_term,
            {title: _bounded(counts) for title, counts in by_title.items()},
            [1.0] * len(categories),
        )


def _bounded(counts: Sequence[float]) -> list[float]:
    """Scale counts that sum to more than `_UPPER` down to it."""
    total = sum(counts)
    return [count / total * _UPPER for count in counts] if total >= _UPPER else list(counts)


def _pseudo_counts(
    key: str | int, clusters: Mapping[int, Counter[str]], rows: Mapping[str | int, int], priors: _Priors
) -> list[float]:
    """Return the counts with which a term, or a cluster of terms, begins (`add_hyperparameters_to_counts`)."""
    if isinstance(key, str):
        counts = list(priors.by_term.get(key, priors.unknown))
    else:
        counts = _counts_of_cluster(clusters[key], rows, priors)
    return [count + _SMOOTHING for count in counts]


def _counts_of_cluster(terms: Counter[str], rows: Mapping[str | int, int], priors: _Priors) -> list[float]:
    """Return a cluster's pseudo-counts: those of its last term that has any, or rather those of its last title."""
    counts = [0.0] * len(priors.unknown)
    for term, times in terms.items():
        if term in priors.by_term or term in rows:
            known = priors.by_term.get(term, priors.unknown)
            counts = [(count + _SMOOTHING) * times for count in known]
    if sum(counts) > _UPPER:
        for index in range(len(counts)):
            # The sum is taken anew at each step, of counts scaled in part, as upstream does.
            counts[index] = counts[index] / sum(counts) * _UPPER
    for term, times in terms.items():
        title = priors.by_title.get(term.split(" ")[0])
        if title:
            counts = [count * times * _TITLE_WEIGHT for count in title]
    return counts


@dataclass(frozen=True, slots=True)
class _Alignments:
    """The pronouns that follow people closely, and who those are."""

    #: Category of each pronoun. Shape: `[pronouns]`.
    categories: Integers
    #: Rows of the people before each pronoun, the nearest first; -1 fills up. Shape: `[pronouns, most people]`.
    people: Integers


def _alignments(
    mentions: Sequence[Mention], people: Sequence[int], rows: Sequence[int], categories: Categories
) -> _Alignments:
    """Return for each gendered pronoun the people named in the tokens before it (upstream's `process`)."""
    category_of = {pronoun: index for index, category in enumerate(categories) for pronoun in category}
    starting_at: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for index, row in zip(people, rows, strict=True):
        starting_at[mentions[index].start].append((mentions[index].end, row))
    chosen, candidates = [], []
    for index in people:
        category = category_of.get(mentions[index].text.lower())
        if category is None:
            continue
        pronoun = mentions[index].start
        before = [
            row
            for start in range(pronoun - 1, pronoun - _DISTANCE, -1)
            for end, row in starting_at.get(start, ())
            if end < pronoun
        ]
        if before:
            chosen.append(category)
            candidates.append(before)
    width = max(map(len, candidates), default=0)
    padded = [before + [-1] * (width - len(before)) for before in candidates]
    return _Alignments(np.array(chosen, dtype=np.int64), np.array(padded, dtype=np.int64).reshape(len(padded), width))


def _align(start: Floats, alignments: _Alignments) -> Floats:
    """Run expectation and maximisation; return the expected counts. Shapes: `[terms, categories]`.

    Sums run in upstream's order, term by term, so that every rounding is the same.
    """
    filled = alignments.people >= 0
    rows = alignments.people[filled]
    categories = np.broadcast_to(alignments.categories[:, None], filled.shape)[filled]
    cells = rows * start.shape[1] + categories
    totals = _row_sums(start)
    counts, probabilities = start, start / totals[:, None]
    for epoch in range(_EPOCHS):
        likelihoods = np.where(filled, probabilities[alignments.people, alignments.categories[:, None]], 0.0)
        shares = (likelihoods / _row_sums(likelihoods)[:, None])[filled]
        # Upstream adds the priors to every epoch's counts but the first one's, which only begins from them.
        weight = 1.0 if epoch else 0.0
        counts, sums = start * weight, totals * weight
        np.add.at(counts.reshape(-1), cells, shares)
        np.add.at(sums, rows, shares)
        probabilities = np.divide(counts, sums[:, None], out=np.zeros_like(counts), where=sums[:, None] > 0)
    return counts


def _row_sums(table: Floats) -> Floats:
    """Sum each row from left to right, where NumPy's own sum would pair its addends."""
    sums = np.zeros(len(table))
    for column in table.T:
        sums += column
    return sums


def _gender(counts: Sequence[float], categories: Categories) -> ReferentialGender:
    total = sum(counts)
    shares = {
        category_name(category): _rounded(count / total) for category, count in zip(categories, counts, strict=True)
    }
    argmax = max(shares, key=lambda name: shares[name])
    return ReferentialGender(shares, argmax, shares[argmax], _rounded(total))


def _rounded(value: float) -> float:
    """Round to three decimals through text, as upstream does; `round` differs from it at some halves."""
    return float(f"{value:.3f}")
