"""The tables that BookNLP's package carries. They are read from its folder; its code is never imported."""

import importlib.util
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from gpu_worker.engine.errors import EngineError

#: So many times as often "she" as "he" makes a name a woman's.
_FAR_MORE = 4


@cache
def folder() -> Path:
    """Return the folder of the tables; raises `EngineError` where BookNLP is not installed."""
    spec = importlib.util.find_spec("booknlp")
    if spec is None or not spec.submodule_search_locations:
        raise EngineError("BookNLP's data files are missing: pip install --no-deps booknlp==1.0.8")
    return Path(next(iter(spec.submodule_search_locations))) / "english" / "data"


@cache
def aliases() -> Mapping[str, tuple[str, ...]]:
    """Return for each nickname the names it may stand for, all in lower case (`aliases.txt`)."""
    names: dict[str, dict[str, None]] = {}
    with (folder() / "aliases.txt").open(encoding="utf-8") as file:
        for line in file:
            name, *nicknames = line.rstrip().lower().split("\t")
            for nickname in nicknames:
                names.setdefault(nickname, {})[name] = None
    return {nickname: tuple(stood_for) for nickname, stood_for in names.items()}


def gender_priors() -> Iterator[str]:
    """Yield the lines of the table that tells how often a name goes with which pronouns, its header first.

    Columns: term, kind of mention, then one count for each category of pronouns.
    """
    with (folder() / "gutenberg_prop_gender_terms.txt").open(encoding="utf-8") as file:
        yield from file


def tags(name: str) -> tuple[str, ...]:
    """Return the tags of one of upstream's tag sets (`entity_cat`, `supersense`) in the order of their numbers."""
    with (folder() / f"{name}.tagset").open(encoding="utf-8") as file:
        rows = [line.rstrip().split("\t") for line in file if line.strip()]
    return tuple(tag for tag, _ in sorted(rows, key=lambda row: int(row[1])))


@cache
def first_senses() -> Mapping[tuple[str, str], int]:
    """Return the lexicographer class of the first WordNet sense of each (word, `n` or `v`)."""
    with (folder() / "wordnet.first.sense").open(encoding="utf-8") as file:
        rows = (line.rstrip().split("\t") for line in file)
        return {(word, pos): int(senses.split(" ")[0]) for word, pos, senses in rows}


@cache
def womens_names() -> frozenset[str]:
    """Return the words that novels use as names of women, in lower case: those with "she" far more often than "he"."""
    rows = gender_priors()
    columns = next(rows).rstrip().split("\t")
    he, she = columns.index("he/him/his"), columns.index("she/her")
    names = set()
    for row in rows:
        fields = row.rstrip().split("\t")
        if fields[1] == "prop" and " " not in fields[0] and float(fields[she]) > _FAR_MORE * float(fields[he]):
            names.add(fields[0])
    return frozenset(names)
