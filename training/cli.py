"""Train the pack `mini` from public data, or go on where a run stopped."""

import logging
from pathlib import Path
from typing import Annotated, Literal

import torch
import typer

from gpu_worker.engine.manifest import TagSets, read_manifest
from gpu_worker.engine.pack import load_pack, multiplies_bf16
from gpu_worker.packs.places import MINI
from training import evaluation, litbank, packing, semcor, sources
from training.checkpoint import Checkpoint
from training.evaluation import Scores, Split, headline
from training.examples import Examples
from training.networks import Builder, Foundation
from training.recipe import Recipe
from training.trainer import Progress, Rhythm, Trainer

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)

_DEFAULT = Recipe()
_HOME = Path(".training")
_DATA, _ENCODER, _OUT, _PACK = _HOME / "data", _HOME / "encoder", _HOME / "run", _HOME / "mini"
_LOGGER = logging.getLogger("training")

DataFolder = Annotated[Path, typer.Option(help="The folder with litbank/ and semcor/.")]
EncoderFolder = Annotated[Path, typer.Option(help="The folder with the encoder that training begins with.")]
RunFolder = Annotated[Path, typer.Option(help="Where the run keeps its checkpoints.")]


@app.callback()
def main() -> None:
    """Say what happens, with the time."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")


@app.command()
def prepare(data: DataFolder = _DATA, encoder: EncoderFolder = _ENCODER) -> None:
    """Fetch the corpora and the encoder, or check those that are there, and tell what they hold."""
    sources.prepare(data, encoder, _LOGGER.info)
    for split in litbank.SPLITS:
        both = _read(data, split)
        words = sum(len(novel.tokens) for novel in both.novels)
        aligned = sum(novel.aligned * len(novel.tokens) for novel in both.novels) / words
        _LOGGER.info(
            "%s: %d novels of %d words, the paragraph known for %.1f %% of them; %d Brown texts of %d words",
            split, len(both.novels), words, 100 * aligned,
            len(both.brown), sum(len(text.tokens) for text in both.brown),
        )  # fmt: skip


@app.command()
def run(
    data: DataFolder = _DATA,
    encoder: EncoderFolder = _ENCODER,
    out: RunFolder = _OUT,
    steps: Annotated[int, typer.Option(help="How many steps to train in all.")] = _DEFAULT.steps,
    seed: Annotated[int, typer.Option(help="What all chance comes from.")] = _DEFAULT.seed,
) -> None:
    """Train, from the last checkpoint in OUT where there is one."""
    recipe = Recipe(steps=steps, seed=seed)
    _compute_alike()
    builder = Builder(Foundation.read(encoder, _tag_sets()), _device(), _dtype(_device()))
    train = _read(data, "train")
    examples = Examples(train.novels, train.brown, builder, recipe)
    trainer = Trainer(builder, examples, _read(data, "dev"), recipe, Checkpoint(out))
    _LOGGER.info("step %d of %d, on %s in %s", trainer.step, steps, _device(), _dtype(_device()))
    trainer.run(Rhythm(), lambda progress: _report(progress, steps), _scored)


@app.command()
def pack(
    data: DataFolder = _DATA,
    encoder: EncoderFolder = _ENCODER,
    out: RunFolder = _OUT,
    to: Annotated[Path, typer.Option(help="The folder to write the pack into.")] = _PACK,
) -> None:
    """Write the best weights of the run in OUT as a pack: calibrated on the dev split, scored on the test split."""
    foundation = Foundation.read(encoder, _tag_sets())
    checkpoint = Checkpoint(out)
    recipe, state = checkpoint.story()
    weights, vocabulary = checkpoint.load_best(), encoder / "vocab.txt"
    dev, test = _read(data, "dev"), _read(data, "test")
    scores = packing.write(to, foundation, weights, vocabulary, dev, test, recipe, state)
    _LOGGER.info("test: %s", scores)
    _LOGGER.info("the pack is in %s", to)


@app.command()
def score(
    folder: Annotated[Path, typer.Argument(help="The pack's folder.")],
    data: DataFolder = _DATA,
    split: Annotated[Literal["dev", "test"], typer.Option(help="Which texts to score on.")] = "dev",
) -> None:
    """Score any pack on a split, as the run does."""
    scores = evaluation.evaluate(load_pack(folder), _read(data, split))
    _LOGGER.info("%s: %s", split, scores)


def _read(data: Path, split: str) -> Split:
    return Split(litbank.read_split(data / "litbank", split), semcor.read_split(data / "semcor", split))


def _report(progress: Progress, steps: int) -> None:
    left = (steps - progress.step) * progress.seconds_a_step / 60
    losses = "  ".join(f"{task} {loss:.3f}" for task, loss in progress.losses.items())
    _LOGGER.info(
        "step %d of %d  %.2f s a step, %.0f CPU minutes so far, %.0f minutes to go  %s",
        progress.step, steps, progress.seconds_a_step, progress.cpu_seconds / 60, left, losses,
    )  # fmt: skip


def _scored(step: int, scores: Scores) -> None:
    _LOGGER.info("dev after %d: %s", step, "  ".join(f"{task} {score}" for task, score in headline(scores).items()))
    _LOGGER.info("dev after %d, all: %s", step, scores)


def _tag_sets() -> TagSets:
    """Return BookNLP's tags, as the pack in the repository has them."""
    return read_manifest(MINI).tag_sets


def _compute_alike() -> None:
    """Let the same step give the same bits each time, which the threads of some sums on a CPU otherwise do not.

    On a GPU some operators know no such way, so there two runs are alike and not the same.
    """
    torch.use_deterministic_algorithms(_device().type == "cpu")
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # torch tells no types of it


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _dtype(device: torch.device) -> torch.dtype:
    return torch.bfloat16 if multiplies_bf16(device) else torch.float32
