"""How far two analyses of one text agree on who speaks, such as a pack's and what upstream published of a novel.

    python -m benchmarks.agreement OURS.quotes THEIRS.quotes [--differing 40]

Both are BookNLP's `.quotes` files, of any two runs of whatever models. Quotes are laid beside each other by their
lengths in words, since two editions of a text count their words from different beginnings. Each speaker of one file
stands for at most one of the other, in the way in which most quotes agree. Neither file is taken for the truth:
`--differing` draws quotes that the files give to different people, always the same ones, to be judged by a reader.
"""

import argparse
import csv
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np

from training.scoring import assignment

_SHOWN = 15
_COLUMNS = frozenset({"quote_start", "quote_end", "char_id", "mention_phrase", "quote"})
_SEED = 1


@dataclass(frozen=True, slots=True)
class Spoken:
    """One quote."""

    #: Its first token, and how many follow.
    start: int
    length: int
    #: The speaker's number in the file, empty where nobody was found.
    speaker: str
    #: The mention by which the speaker was found.
    phrase: str
    text: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """What two files have in common."""

    #: Quotes that both files have.
    shared: int
    #: Of these, how many have the same speaker.
    same: int
    #: Which speaker of the first file is which of the second, and how many quotes they share, most first.
    pairs: Sequence[tuple[str, str, int]]
    #: The quotes, in both files, whose speakers are not the same.
    differing: Sequence[tuple[Spoken, Spoken]]


def main() -> None:
    """Compare the files of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ours", type=Path)
    parser.add_argument("theirs", type=Path)
    parser.add_argument("--differing", type=int, default=0, metavar="N", help="how many of these to show")
    arguments = parser.parse_args()
    if arguments.differing < 0:
        parser.error("--differing is how many quotes to show, 0 or more")
    try:
        ours, theirs = read(arguments.ours), read(arguments.theirs)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    found = agreement(ours, theirs)
    share = found.same / max(found.shared, 1)
    print(f"{len(ours)} and {len(theirs)} quotes, {found.shared} of them in both")
    print(f"{found.same} of these have the same speaker: {share:.1%}")
    names, their_names = _names(ours), _names(theirs)
    for one, other, count in found.pairs[:_SHOWN]:
        print(f"{count:6}  {names[one]} = {their_names[other]}")
    drawn = random.Random(_SEED).sample(found.differing, min(arguments.differing, len(found.differing)))
    for quote, other_quote in sorted(drawn, key=lambda pair: pair[0].start):
        print(f"token {quote.start}: {names[quote.speaker]} | {their_names[other_quote.speaker]}\n        {quote.text}")


def read(path: Path) -> list[Spoken]:
    """Return the quotes of a `.quotes` file, in order; raises ValueError for a file that is none."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        if missing := _COLUMNS.difference(rows.fieldnames or ()):
            raise ValueError(f"{path} is no .quotes file of BookNLP: it has no column {', '.join(sorted(missing))}")
        return [
            Spoken(
                int(row["quote_start"]),
                int(row["quote_end"]) - int(row["quote_start"]),
                "" if row["char_id"] == "None" else row["char_id"],
                row["mention_phrase"],
                row["quote"],
            )
            for row in rows
        ]


def agreement(ours: Sequence[Spoken], theirs: Sequence[Spoken]) -> Agreement:
    """Return how far the two agree; a quote for which either knows no speaker has not the same."""
    shared = list(in_both(ours, theirs))
    together = Counter((one.speaker, other.speaker) for one, other in shared if one.speaker and other.speaker)
    same = matched(together)
    pairs = sorted(((*pair, together[pair]) for pair in same), key=lambda pair: (-pair[2], pair))
    differing = [(one, other) for one, other in shared if (one.speaker, other.speaker) not in same]
    return Agreement(len(shared), len(shared) - len(differing), pairs, differing)


def matched(together: Counter[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return who is who where `together` counts the quotes of each pair: everyone at most one, most quotes in all."""
    if not together:
        return set()
    rows, columns = (sorted({pair[side] for pair in together}) for side in (0, 1))
    counts = np.array([[float(together[row, column]) for column in columns] for row in rows])
    pairs = {(rows[i], columns[j]) for i, j in zip(*assignment(counts), strict=True)}
    return pairs & together.keys()


def in_both(ours: Sequence[Spoken], theirs: Sequence[Spoken]) -> Iterable[tuple[Spoken, Spoken]]:
    """Yield the quotes that both have, beside each other."""
    matcher = SequenceMatcher(a=[quote.length for quote in ours], b=[quote.length for quote in theirs], autojunk=False)
    for start, other_start, size in matcher.get_matching_blocks():
        yield from zip(ours[start : start + size], theirs[other_start : other_start + size], strict=True)


def _names(quotes: Sequence[Spoken]) -> dict[str, str]:
    """Return for each speaker the phrase that stands for them most often, a name before a pronoun."""
    phrases: dict[str, Counter[str]] = {}
    for quote in quotes:
        phrases.setdefault(quote.speaker, Counter())[quote.phrase] += 1
    return {
        speaker: max(counts, key=lambda phrase: (not phrase.islower(), counts[phrase]))
        for speaker, counts in phrases.items()
    }


if __name__ == "__main__":
    main()
