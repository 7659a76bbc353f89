"""How many quotes of a whole novel go to the right person, by what readers have annotated.

    python -m benchmarks.annotated NOVEL [--pack NAME|FOLDER] [--compat] [--beside OTHER.quotes]

NOVEL is a folder of the Project Dialogism Novel Corpus (Vishnubhotla, Hammond and Hirst, LREC 2022;
github.com/Priya22/project-dialogism-novel-corpus, `data/Emma` for one): `novel_text.txt` and `quotation_info.csv`.
Each speaker that is found stands for at most one person of the novel, in the way in which most quotes are right; quotes
of groups and of people unknown are left out. `--beside` takes the `.quotes` of another run of the same novel, such as
what upstream published of *Emma*, and counts both over the quotes that both have.
"""

import argparse
import ast
import csv
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import agreement, packs
from benchmarks.agreement import Spoken
from benchmarks.errors import in_one_line
from gpu_worker.engine import Analysis, Engine, Options

#: Where an annotated quote begins, its marks left out, a quote is looked for within so many characters.
_NEAR = 3
#: What the corpus calls speakers who are no one person begins with one of these.
_NOBODY = ("_", "[")


@dataclass(frozen=True, slots=True)
class Attributed:
    """One quote as readers annotated it."""

    speaker: str
    #: How the text tells it: Explicit by name, Anaphoric by a pronoun or a noun, or Implicit.
    kind: str


@in_one_line
def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("novel", type=Path)
    parser.add_argument("--pack", default="mini")
    parser.add_argument("--compat", action="store_true", help="run as upstream does")
    parser.add_argument("--beside", type=Path, metavar="OTHER.quotes")
    arguments = parser.parse_args()
    text = (arguments.novel / "novel_text.txt").read_text(encoding="utf-8")
    analysis = Engine.load(packs.find(arguments.pack)).analyze(text, Options(compat=arguments.compat))
    spoken = list(_spoken(analysis))
    true = annotations(arguments.novel / "quotation_info.csv", [analysis.tokens[quote.start].onset for quote in spoken])
    print(f"{len(spoken)} quotes, {len(true)} of them annotated with one speaker")
    found = {place: spoken[place].speaker for place in true}
    if arguments.beside is None:
        _print(arguments.pack, right(found, true), true)
        return
    numbered = [Spoken(quote.start, quote.length, str(place), "", "") for place, quote in enumerate(spoken)]
    pairs = agreement.in_both(numbered, agreement.read(arguments.beside))
    others = {int(one.speaker): other.speaker for one, other in pairs}
    both = {place: quote for place, quote in true.items() if place in others}
    print(f"{len(both)} of these are in both")
    _print(arguments.pack, right(found, both), both)
    _print(arguments.beside.name, right(others, both), both)


def annotations(path: Path, onsets: Sequence[int]) -> dict[int, Attributed]:
    """Return what is annotated of the quotes that begin at `onsets`, ascending, by their places in it.

    An annotated quote has several parts where narration stands between; each is a quote here.
    """
    found: dict[int, Attributed] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["speaker"].startswith(_NOBODY):
                continue
            for begin, _ in ast.literal_eval(row["quoteByteSpans"]):
                place = bisect_left(onsets, begin - _NEAR)
                if place < len(onsets) and onsets[place] <= begin + _NEAR:
                    found[place] = Attributed(row["speaker"], row["quoteType"])
    return found


def right(found: Mapping[int, str], true: Mapping[int, Attributed]) -> set[int]:
    """Return the quotes of `true` whose speaker is the right one; `found` has a number for each, or nothing."""
    together = Counter((found[place], quote.speaker) for place, quote in true.items() if found[place])
    same = agreement.matched(together)
    return {place for place, quote in true.items() if (found[place], quote.speaker) in same}


def _spoken(analysis: Analysis) -> Iterator[Spoken]:
    for quote, mention in zip(analysis.quotes, analysis.speakers, strict=True):
        speaker = "" if mention is None else str(analysis.refs[mention])
        yield Spoken(quote.start, quote.end - quote.start, speaker, "", "")


def _print(name: str, good: set[int], true: Mapping[int, Attributed]) -> None:
    kinds = Counter(quote.kind for quote in true.values())
    of_kind = Counter(true[place].kind for place in good)
    parts = ", ".join(f"{kind.lower()} {of_kind[kind] / count:.1%} of {count}" for kind, count in sorted(kinds.items()))
    print(f"{name}: {len(good) / max(len(true), 1):.1%} right ({parts})")


if __name__ == "__main__":
    main()
