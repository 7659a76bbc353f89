"""How the engine's time and memory grow with the length of a text.

    python -m benchmarks.growth BOOK [BOOK ...] [--pack NAME|FOLDER|small-shaped] [--precision f32|bf16]
                                          [--tokens 20000 160000] [--rounds 2]

Reads the books' beginnings, joined end to end and from the start again where they are too short, each length in a
process of its own after a warm-up. Prints seconds and peak memory (the least of the rounds), and the time per token
beside that of the first length.
"""

import argparse
import itertools
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.engine import Contender, Report, pack_folder
from benchmarks.errors import in_one_line

#: Characters of a novel in English to one token, white space included. Lengths in tokens are met about that well.
_CHARACTERS_A_TOKEN = 4.6
_WARM_UP_CHARACTERS = 6_000


@in_one_line
def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("books", type=Path, nargs="+")
    parser.add_argument("--pack", default="mini")
    parser.add_argument("--precision", default="f32", choices=("f32", "bf16"))
    parser.add_argument("--tokens", type=int, nargs="+", default=[20_000, 160_000])
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        texts = list(_texts(arguments.books, arguments.tokens, work))
        ours = Contender(
            "benchmarks.ours", pack_folder(arguments.pack, work), work / "out", ("--precision", arguments.precision)
        )
        rounds = [[ours.run(work / "warm_up.txt", text)[1] for text in texts] for _ in range(arguments.rounds)]
    _print_table(list(zip(*rounds, strict=True)))


def _texts(books: Sequence[Path], lengths: Sequence[int], work: Path) -> Iterator[Path]:
    """Write a text of about so many tokens for each length, and one to warm up with."""
    contents = [book.read_text(encoding="utf-8") for book in books]
    (work / "warm_up.txt").write_text(contents[0][:_WARM_UP_CHARACTERS], encoding="utf-8")
    for tokens in lengths:
        left = int(tokens * _CHARACTERS_A_TOKEN)
        parts = []
        for content in itertools.cycle(contents):
            parts.append(content[:left])
            left -= len(content)
            if left <= 0:
                break
        path = work / f"{tokens}.txt"
        path.write_text("\n\n".join(parts), encoding="utf-8")
        yield path


def _print_table(lengths: Sequence[Sequence[Report]]) -> None:
    """Print a row for each length from its rounds' reports."""
    print(f"{'tokens':>10}{'seconds':>10}{'ms/1,000':>10}{'growth':>8}{'peak GB':>9}")
    first = None
    for reports in lengths:
        tokens = reports[0]["tokens"]
        seconds = min(report["seconds"]["total"] for report in reports)
        pace = seconds / tokens * 1e6
        first = first or pace
        peak = min(report["peak_bytes"] for report in reports) / 1e9
        print(f"{tokens:10,}{seconds:10.1f}{pace:10.1f}{pace / first:8.2f}{peak:9.2f}")


if __name__ == "__main__":
    main()
