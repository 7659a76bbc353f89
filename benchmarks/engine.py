"""Upstream BookNLP and our engine side by side: the same machine, pack and text, in turns, each in its own process.

    python -m benchmarks.engine BOOK [--pack NAME|FOLDER|small-shaped] [--precision f32|bf16] [--correct]
                                     [--rounds 2] [--characters N]

Each process first reads the book's beginning to warm up. Prints the seconds of each stage (the median of the
rounds), tokens per second, the ratio with its spread, the floor that this machine sets, each side's peak memory, and
how many lines of the output files are identical. Ours runs in `compat` mode; with `--correct` in its default mode,
whose lines in 16 bits are compared with its own in 32, for upstream's have the defects that it corrects.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import packs
from benchmarks.comparison import Likeness, compare_all, read_files, with_clusters_named
from benchmarks.errors import in_one_line
from gpu_worker.engine import Stage
from gpu_worker.engine.layout import Model
from gpu_worker.engine.manifest import VOCABULARY, read_manifest
from gpu_worker.engine.pack import load_pack
from gpu_worker.engine.upstream_layout import export, sizes_of, write_random_pack
from gpu_worker.packs.places import MINI

#: Random weights in the shapes of upstream's `small` models, whose own weights are not ours to bundle.
SMALL_SHAPED = "small-shaped"
SMALL = {
    Model.TAGGER: "bert_uncased_L-4_H-256_A-4",
    Model.COREF: "bert_uncased_L-2_H-256_A-4",
    Model.SPEAKER: "bert_uncased_L-8_H-256_A-4",
}

_WARM_UP_CHARACTERS = 6_000
_EXAMPLES = 10
_ROWS = (*Stage, "files", "total")

Report = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Contender:
    """One of the two programs, and where it writes its files."""

    module: str
    models: Path
    out: Path
    extra: tuple[str, ...] = ()

    def run(self, *texts: Path) -> list[Report]:
        """Run over the texts in a new process; return what it says of each."""
        command = [sys.executable, "-m", self.module, str(self.models), str(self.out), *map(str, texts), *self.extra]
        # Upstream's clusters of names depend on the order of sets, and so on how strings are hashed.
        environment = os.environ | {"PYTHONHASHSEED": "0"}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]


@in_one_line
def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("book", type=Path)
    parser.add_argument("--pack", default="mini")
    parser.add_argument("--precision", default="f32", choices=("f32", "bf16"))
    parser.add_argument("--correct", action="store_true", help="ours with upstream's defects corrected")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--characters", type=int, help="read no more of the book than this")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        pack = pack_folder(arguments.pack, work)
        text = arguments.book.read_text(encoding="utf-8")[: arguments.characters]
        (work / "book.txt").write_text(text, encoding="utf-8")
        (work / "warm_up.txt").write_text(text[:_WARM_UP_CHARACTERS], encoding="utf-8")
        upstream = Contender("benchmarks.upstream", work / "models", work / "out" / "upstream")
        export(load_pack(pack), upstream.models)
        mode = ("--correct",) if arguments.correct else ()
        ours = Contender("benchmarks.ours", pack, work / "out" / "ours", ("--precision", arguments.precision, *mode))
        rounds = [
            tuple(contender.run(work / "warm_up.txt", work / "book.txt")[1] for contender in (upstream, ours))
            for _ in range(arguments.rounds)
        ]
        _print_table([theirs for theirs, _ in rounds], [mine for _, mine in rounds])
        other = upstream
        if arguments.correct and arguments.precision != "f32":
            other = Contender("benchmarks.ours", pack, work / "out" / "ours, f32", mode)
            other.run(work / "book.txt")
        _print_likeness(ours.out, other.out)


def pack_folder(name: str, work: Path) -> Path:
    """Return the folder of the pack that `--pack` names, made in `work` where it is of random weights."""
    if name != SMALL_SHAPED:
        return packs.find(name)
    shapes = {model: sizes_of(encoder) for model, encoder in SMALL.items()}
    tag_sets = read_manifest(MINI).tag_sets
    write_random_pack(work / name, shapes, MINI / VOCABULARY, name=name, tag_sets=tag_sets)
    return work / name


def _print_table(theirs: Sequence[Report], ours: Sequence[Report]) -> None:
    tokens = ours[0]["tokens"]
    print(f"{tokens:,} tokens, {len(ours)} rounds, {os.cpu_count()} cores")
    print(f"{'seconds':12}{'upstream':>10}{'ours':>10}{'ratio':>8}")
    for row in _ROWS:
        them, us = (statistics.median(report["seconds"].get(row, 0.0) for report in side) for side in (theirs, ours))
        ratio = f"{them / us:8.1f}" if us else ""
        print(f"{row:12}{them:10.2f}{us:10.2f}{ratio}")
    totals = [(them["seconds"]["total"], us["seconds"]["total"]) for them, us in zip(theirs, ours, strict=True)]
    ratios = [them / us for them, us in totals]
    speeds = [tokens / statistics.median(side) for side in zip(*totals, strict=True)]
    print(f"{'tokens/s':12}{speeds[0]:10,.0f}{speeds[1]:10,.0f}")
    print(f"ratio {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")
    _print_floor(theirs, ours)
    peaks = [max(report["peak_bytes"] for report in side) / 1e9 for side in (theirs, ours)]
    print(f"peak memory {peaks[0]:.2f} GB upstream, {peaks[1]:.2f} GB ours; start-up {ours[0]['load']:.1f} s")


def _print_floor(theirs: Sequence[Report], ours: Sequence[Report]) -> None:
    """Print what no program could be faster than: spaCy's own pass, shared by all cores, and the encoders' products."""
    spacy = statistics.median(report["seconds"][Stage.TOKENS] for report in theirs) / (os.cpu_count() or 1)
    rate = statistics.median(report["rate"] for report in ours)
    products = ours[0]["flops"] / rate
    print(
        f"floor {spacy + products:.1f} s: spaCy's own pass on all cores {spacy:.1f} s, "
        f"{ours[0]['flops'] / 1e12:.2f} TFLOP of the encoders at {rate / 1e9:,.0f} GFLOP/s {products:.1f} s"
    )


def _print_likeness(out: Path, other: Path) -> None:
    ours, theirs = read_files(out, "book"), read_files(other, "book")
    files = compare_all(ours, theirs)
    for name, likeness in files.items():
        print(f"{name:12}{likeness.alike:>10,} of {likeness.lines:>10,} lines identical")
    whole = sum(files.values(), Likeness(0, 0))
    print(f"{whole.share:.4%} of lines identical to {other.name}, {whole.lines - whole.alike:,} differ")
    for mine, others in whole.examples[:_EXAMPLES]:
        print(f"  {out.name:12}{mine[:200]!r}\n  {other.name:12}{others[:200]!r}")
    if whole.examples:
        named = compare_all(with_clusters_named(ours), with_clusters_named(theirs))
        share = sum(named.values(), Likeness(0, 0)).share
        print(f"{share:.4%} with clusters named by their first mention, for one mention more renumbers all that follow")


if __name__ == "__main__":
    main()
