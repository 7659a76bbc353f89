"""Between packs and upstream's own files: three `.model` checkpoints and a folder with the base encoder.

Upstream reads an encoder's sizes from the file's name (`coref_google_bert_uncased_L-2_H-256_A-4-v1.0.model`), and
looks for the base encoder under the rest of that name, in the working directory or on the Hugging Face hub.
"""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from gpu_worker.engine import layout
from gpu_worker.engine.encoder import EncoderShape
from gpu_worker.engine.errors import PackError
from gpu_worker.engine.layout import ADDED_TOKENS, WORDS, Model, under
from gpu_worker.engine.manifest import (
    MANIFEST,
    VOCABULARY,
    WEIGHTS,
    EncoderSizes,
    Manifest,
    TagSets,
    describe_file,
)
from gpu_worker.engine.pack import Pack, expected_shapes, read_vocabulary, read_weights

_SIZES = re.compile(r"L-(?P<layers>\d+)_H-(?P<hidden>\d+)_A-(?P<heads>\d+)")
_NAME = re.compile(r"(entities|speaker|coref)_.+-v(?P<version>\d.*)\.model")
_ADDED = "added_embeddings"
_SEGMENTS = 2

#: How far random weights lean to `O` by default: with the sizes of upstream's small models, prose then has about as
#: many mentions and supersenses as with trained weights. And how far to no event.
_LEAN, _SUPERSENSES_LESS, _NO_EVENT = 1.35, 0.25, 8.0

#: Keys of upstream's checkpoints that no prediction reads: a buffer that newer releases of transformers no longer
#: have, and BERT's pooler.
_UNUSED = ("bert.embeddings.position_ids", "bert.pooler.dense.weight", "bert.pooler.dense.bias")


def export(pack: Pack, folder: Path) -> dict[Model, Path]:
    """Write the pack as upstream's files into `folder`, and return the three checkpoints.

    Upstream 1.0.8 runs them with `model: custom` and `folder` as the working directory.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = read_weights(pack.folder, pack.manifest)
    written = {}
    for model in Model:
        sizes, encoder = pack.manifest.encoder_of(model), pack.manifest.models[model]
        base = f"{pack.name}_{encoder}_L-{sizes.layers}_H-{sizes.hidden}_A-{sizes.heads}"
        written[model] = folder / f"{model}_{base}-v{pack.version}.model"
        torch.save(_upstream_state(weights, model, encoder), written[model])
        _write_base(folder / base, under(weights, f"encoder.{encoder}"), sizes.shape, pack.folder / VOCABULARY)
    return written


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """What upstream's three checkpoints hold, under a pack's names."""

    weights: Mapping[str, Tensor]
    #: Each model's own encoder, which has the model's name.
    encoders: Mapping[str, EncoderSizes]
    #: The newest of the versions in the files' names.
    version: str


def read_checkpoints(files: Mapping[Model, Path]) -> Checkpoints:
    """Read upstream's three checkpoints without running any code in them.

    Raises `PackError` for a file whose name tells no sizes, or that holds anything but a model's tensors.
    """
    weights: dict[str, Tensor] = {}
    encoders = {}
    for model, path in files.items():
        encoders[str(model)] = EncoderSizes(**asdict(sizes_of(path.name)))
        weights |= _pack_tensors(_read_checkpoint(path), model)
    versions = [found["version"] for path in files.values() if (found := _NAME.fullmatch(path.name))]
    return Checkpoints(weights, encoders, max(versions, default="1"))


def write_pack(
    folder: Path, manifest: Manifest, weights: Mapping[str, Tensor], vocabulary: Path, *, beside: Sequence[str] = ()
) -> None:
    """Write a pack: the weights and vocabulary, and the manifest with the digests of all its files.

    `beside` names further files of the pack that are in the folder already. Raises `PackError` where the weights are
    not those of the models.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if vocabulary != folder / VOCABULARY:
        shutil.copyfile(vocabulary, folder / VOCABULARY)
    for key, shape in expected_shapes(manifest, len(read_vocabulary(folder))).items():
        if key not in weights or tuple(weights[key].shape) != shape:
            found = tuple(weights[key].shape) if key in weights else "missing"
            raise PackError(f"{key} is {found}, the models need {shape}")
    save_file({key: tensor.contiguous() for key, tensor in weights.items()}, folder / WEIGHTS)
    # It is written for its owner alone, but a pack may be another user's to read, such as a worker's.
    shutil.copymode(folder / VOCABULARY, folder / WEIGHTS)
    files = {file: describe_file(folder / file) for file in (WEIGHTS, VOCABULARY, *beside)}
    text = manifest.model_copy(update={"files": files}).model_dump_json(indent=1)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def write_random_pack(
    folder: Path,
    shapes: Mapping[Model, EncoderShape],
    vocabulary: Path,
    *,
    name: str,
    tag_sets: TagSets,
    lean: float = _LEAN,
    seed: int = 0,
) -> None:
    """Make a pack of random weights, for tests and benchmarks of sizes whose weights are not at hand.

    Tags favour `O` by `lean`. Nothing is an event: upstream's code indexes past the end of a sentence whose `[SEP]`
    is one.
    """
    generator = torch.Generator().manual_seed(seed)
    manifest = Manifest(
        format="bookjob-pack/1",
        name=name,
        version="0",
        licence="none",
        files={},
        encoders={str(model): EncoderSizes(**asdict(shape)) for model, shape in shapes.items()},
        models={model: str(model) for model in shapes},
        tag_sets=tag_sets,
    )
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(vocabulary, folder / VOCABULARY)
    expected = expected_shapes(manifest, len(read_vocabulary(folder)))
    weights = {key: _random(key, shape, generator) for key, shape in expected.items()}
    for layer in (1, 2, 3):
        weights[f"{Model.TAGGER}.hidden2tag{layer}.bias"][tag_sets.entity.index("O")] += lean
    weights[f"{Model.TAGGER}.supersense_hidden2tag1.bias"][tag_sets.supersense.index("O")] += lean - _SUPERSENSES_LESS
    weights[f"{Model.TAGGER}.flat_classifier.bias"][1] -= _NO_EVENT
    write_pack(folder, manifest, weights, folder / VOCABULARY)


def sizes_of(name: str) -> EncoderShape:
    """Return an encoder's sizes as upstream's file name tells them; BERT's inner layer is four times as wide."""
    found = _SIZES.search(name)
    if found is None:
        raise PackError(f"{name} does not tell its encoder's sizes: upstream's names hold L-4_H-256_A-4 or the like")
    layers, hidden, heads = (int(found[part]) for part in ("layers", "hidden", "heads"))
    return EncoderShape(layers, hidden, heads, 4 * hidden)


def _upstream_state(weights: Mapping[str, Tensor], model: Model, encoder: str) -> dict[str, Tensor]:
    state = {f"bert.{key}": tensor for key, tensor in under(weights, f"encoder.{encoder}").items()}
    own = under(weights, str(model))
    state[f"bert.{WORDS}"] = torch.cat([state[f"bert.{WORDS}"], own.pop(_ADDED)])
    hidden = state[f"bert.{WORDS}"].shape[1]
    state["bert.pooler.dense.weight"] = torch.zeros(hidden, hidden)
    state["bert.pooler.dense.bias"] = torch.zeros(hidden)
    return state | own


def _write_base(folder: Path, encoder: Mapping[str, Tensor], shape: EncoderShape, vocabulary: Path) -> None:
    """Write the base encoder as transformers reads it; upstream overwrites its weights with the checkpoint's."""
    folder.mkdir(exist_ok=True)
    shutil.copyfile(vocabulary, folder / VOCABULARY)
    save_file(dict(encoder), folder / "model.safetensors", metadata={"format": "pt"})
    config = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "intermediate_size": shape.intermediate,
        "layer_norm_eps": shape.layer_norm_epsilon,
        "max_position_embeddings": layout.POSITIONS,
        "type_vocab_size": _SEGMENTS,
        "vocab_size": len(encoder[WORDS]),
    }
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def _read_checkpoint(path: Path) -> dict[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise PackError(f"{path.name} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # of whatever kind: bytes that are no pickle lead torch's reader anywhere
        raise PackError(f"{path.name} cannot be read as a checkpoint of tensors alone") from error
    if not isinstance(state, Mapping) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise PackError(f"{path.name} cannot be read as a checkpoint of tensors alone: it holds something else")
    return {key: tensor.float() for key, tensor in state.items() if key not in _UNUSED}


def _pack_tensors(state: Mapping[str, Tensor], model: Model) -> dict[str, Tensor]:
    """Return one checkpoint's tensors under a pack's names; the rows of added tokens come last in its vocabulary."""
    bert = "bert."
    named = {
        f"encoder.{model}.{key.removeprefix(bert)}" if key.startswith(bert) else f"{model}.{key}": tensor
        for key, tensor in state.items()
    }
    words = named.get(f"encoder.{model}.{WORDS}")
    if words is None:
        raise PackError(f"the checkpoint of {model} has no encoder: it lacks {bert}{WORDS}")
    count = len(words) - len(ADDED_TOKENS[model])
    named[f"encoder.{model}.{WORDS}"] = words[:count].clone()
    named[f"{model}.{_ADDED}"] = words[count:].clone()
    return named


def _random(key: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    if "LayerNorm" in key:
        return torch.full(shape, float(key.endswith("weight")))
    if key.endswith("transitions"):
        return 0.1 * torch.randn(shape, generator=generator)
    scale = 0.1 if len(shape) == 1 or "embedding" in key else shape[-1] ** -0.5
    return scale * torch.randn(shape, generator=generator)
