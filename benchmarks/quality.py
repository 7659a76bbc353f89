"""How well a pack reads: standard scores on texts that it was not trained on.

    python -m benchmarks.quality PACK --data DIR [--split dev|test] [--json]

PACK is a pack's name or folder. DIR holds `litbank/` and `semcor/`, as training takes them.

First with what the corpora give: their words; for speakers the true mentions and quotes; for coreference the true
mentions, quotes and speakers. So were the scores of the manifests made. Then end to end: from the original texts of
LitBank, with the run's own words, mentions and quotes.
"""

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks import packs, quality_end_to_end
from benchmarks.errors import in_one_line
from benchmarks.quality_text import annotated
from gpu_worker.engine import Engine
from training import litbank, semcor
from training.evaluation import Split, evaluate

Scores = Mapping[str, Mapping[str, float]]


@in_one_line
def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", choices=("dev", "test"), default="test")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    engine = Engine.load(packs.find(arguments.pack))
    started = time.monotonic()
    novels = litbank.read_split(arguments.data / "litbank", arguments.split)
    brown = semcor.read_split(arguments.data / "semcor", arguments.split)
    given = evaluate(engine.pack, Split(novels, brown))
    texts = [annotated(novel, arguments.data / "litbank") for novel in novels]
    whole = quality_end_to_end.evaluate(engine, texts)
    seconds = time.monotonic() - started
    if arguments.json:
        print(json.dumps({"given": given, "end_to_end": whole}))
        return
    quotes = sum(len(novel.quotes) for novel in novels)
    texts_read = f"{len(novels)} novels with {quotes} quotes, {len(brown)} texts of SemCor"
    print(f"{engine.pack.name} {engine.pack.version} on {arguments.split}: {texts_read}, {seconds:.0f} s\n")
    told = engine.pack.manifest.scores if arguments.split == "test" else {}
    print(f"{'':28}{'measured':>9}{'manifest':>10}{'end to end':>12}")
    for task in [*given, *(task for task in whole if task not in given)]:
        _print_task(task, given.get(task, {}), told.get(task, {}), whole.get(task, {}))


def _print_task(task: str, given: Mapping[str, float], told: Mapping[str, float], whole: Mapping[str, float]) -> None:
    for measure in {**given, **whole}:
        figures = (part.get(measure) for part in (given, told, whole))
        cells = ("" if figure is None else f"{figure:.1f}" for figure in figures)
        print("{:28}{:>9}{:>10}{:>12}".format(f"{task} {measure}", *cells).rstrip())


if __name__ == "__main__":
    main()
