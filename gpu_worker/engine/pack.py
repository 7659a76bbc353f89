"""A model pack: a folder with a manifest, a vocabulary and the weights of BookNLP's three models.

Nothing in a pack is ever unpickled: the weights are safetensors, every file is checked against the manifest's
SHA-256, every tensor against the shapes that the models need. A matrix may be stored as int8 with one f16 scale for
each row (`<name>.scale`); it is widened when it is loaded.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from gpu_worker.engine import layout
from gpu_worker.engine.bio import TagSet
from gpu_worker.engine.document import Token
from gpu_worker.engine.encoder import Encoder, EncoderShape
from gpu_worker.engine.errors import PackError
from gpu_worker.engine.layout import ADDED_TOKENS, Model
from gpu_worker.engine.mention_vectors import MentionReader
from gpu_worker.engine.networks import CorefNetwork, SpeakerNetwork, TaggerNetwork
from gpu_worker.engine.wordpiece import CAPITALISED, WordPiece

MANIFEST = "manifest.json"
WEIGHTS = "model.safetensors"
VOCABULARY = "vocab.txt"

_WORDS = "embeddings.word_embeddings.weight"


class Precision(StrEnum):
    """What the networks compute in."""

    F32 = "f32"
    BF16 = "bf16"
    #: bf16 where the device multiplies it natively, else f32.
    AUTO = "auto"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PackFile(_Section):
    """One file of a pack, so that a damaged or incomplete copy is seen before it is used."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=0)]


class EncoderSizes(_Section):
    """The sizes of a BERT encoder, as in its `config.json`."""

    layers: PositiveInt
    hidden: PositiveInt
    heads: PositiveInt
    intermediate: PositiveInt
    layer_norm_epsilon: float = 1e-12

    @property
    def shape(self) -> EncoderShape:
        """These sizes as the encoder takes them."""
        return EncoderShape(**self.model_dump())


class TagSets(_Section):
    """The tags of the tagger's two tag sets, in the order of their numbers."""

    entity: tuple[str, ...]
    supersense: tuple[str, ...]


class Source(_Section):
    """Something that the weights were made from, and under which licence."""

    name: str
    licence: str
    used: str = ""


class Manifest(_Section):
    """What a pack says about itself (`manifest.json`)."""

    format: Literal["bookjob-pack/1"]
    name: Annotated[str, Field(min_length=1)]
    version: Annotated[str, Field(min_length=1)]
    licence: str
    files: Mapping[str, PackFile]
    #: The encoders by name. Models that name the same one share it.
    encoders: Mapping[str, EncoderSizes]
    models: Mapping[Model, str]
    tag_sets: TagSets
    #: Measured quality: task, measure, value.
    scores: Mapping[str, Mapping[str, float]] = {}
    attribution: tuple[Source, ...] = ()

    def encoder_of(self, model: Model) -> EncoderSizes:
        """Return the sizes of the encoder that `model` reads."""
        return self.encoders[self.models[model]]


@dataclass(frozen=True)
class Pack:
    """A loaded pack. Its networks hold weights and nothing of any document."""

    folder: Path
    manifest: Manifest
    device: torch.device
    precision: Precision
    tagger: TaggerNetwork
    speaker: SpeakerNetwork
    coref: CorefNetwork

    @property
    def name(self) -> str:
        """The pack's name, such as `mini`."""
        return self.manifest.name

    @property
    def version(self) -> str:
        """The pack's version."""
        return self.manifest.version

    def shared_reader(self, tokens: Sequence[Token], *, compat: bool) -> MentionReader | None:
        """Return a reader for the tagger to feed and coreference to read from, None where they share no encoder."""
        tagger, coref = self.tagger, self.coref
        same_pieces = tagger.tokenizer.id_of(CAPITALISED) == coref.tokenizer.id_of(CAPITALISED)
        if tagger.encoder is not coref.encoder or not same_pieces:
            return None
        return MentionReader(tokens, coref, compat=compat)

    @cached_property
    def digest(self) -> str:
        """A SHA-256 of the manifest, which names every byte of the pack."""
        return hashlib.sha256((self.folder / MANIFEST).read_bytes()).hexdigest()


def load_pack(folder: Path, device: torch.device | str | None = None, precision: Precision = Precision.F32) -> Pack:
    """Load and check the pack in `folder`; on the first GPU, or the CPU where there is none, unless told.

    Raises `PackError` for a folder that is no pack, is damaged or incomplete, or is of another format.
    """
    manifest = read_manifest(folder)
    weights = read_weights(folder, manifest)
    device = torch.device(device if device is not None else "cuda" if torch.cuda.is_available() else "cpu")
    precision = _resolved(precision, device)
    dtype = torch.bfloat16 if precision is Precision.BF16 else torch.float32
    vocabulary = read_vocabulary(folder)
    encoders, added = _encoders(manifest, weights, device, dtype)

    tokenizers: dict[tuple[int, ...], WordPiece] = {}

    def tokenizer(model: Model) -> WordPiece:
        return tokenizers.setdefault(tuple(added[model].values()), WordPiece(vocabulary, added[model]))

    def weights_of(model: Model) -> dict[str, Tensor]:
        return {name: tensor.to(device) for name, tensor in _under(weights, model).items()}

    def encoder(model: Model) -> Encoder:
        return encoders[manifest.models[model]]

    return Pack(
        folder,
        manifest,
        device,
        precision,
        TaggerNetwork(
            encoder(Model.TAGGER),
            tokenizer(Model.TAGGER),
            weights_of(Model.TAGGER),
            entity_tags=TagSet(manifest.tag_sets.entity),
            supersense_tags=TagSet(manifest.tag_sets.supersense),
        ),
        SpeakerNetwork(encoder(Model.SPEAKER), tokenizer(Model.SPEAKER), weights_of(Model.SPEAKER)),
        CorefNetwork(encoder(Model.COREF), tokenizer(Model.COREF), weights_of(Model.COREF)),
    )


def read_manifest(folder: Path) -> Manifest:
    """Read and check the manifest, and every file of the pack against it; raises `PackError`."""
    try:
        text = (folder / MANIFEST).read_bytes()
    except OSError as error:
        raise PackError(f"{folder} is not a model pack: its {MANIFEST} cannot be read ({error.strerror})") from error
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole file"
        raise PackError(
            f"{folder / MANIFEST} does not describe a pack that this engine runs: {where}: {first['msg']}"
        ) from error
    missing = {WEIGHTS, VOCABULARY} - manifest.files.keys()
    if missing or set(manifest.models) != set(Model) or not set(manifest.models.values()) <= manifest.encoders.keys():
        raise PackError(
            f"{folder / MANIFEST} is incomplete: it must list {WEIGHTS}, {VOCABULARY} and an encoder for each model"
        )
    for name, expected in manifest.files.items():
        _check_file(folder, name, expected)
    return manifest


def read_weights(folder: Path, manifest: Manifest) -> dict[str, Tensor]:
    """Return the pack's tensors in f32, checked against the models' shapes; raises `PackError`.

    Names are `encoder.<encoder>.<BERT's name>`, `<model>.<upstream's name>` and `<model>.added_embeddings`.
    """
    try:
        stored = load_file(folder / WEIGHTS)
    except (SafetensorError, OSError) as error:
        raise PackError(f"{folder / WEIGHTS} cannot be read as safetensors: {error}") from error
    weights = {name: _widened(stored, name) for name in stored if not name.endswith(".scale")}
    vocabulary = len(read_vocabulary(folder))
    for name, shape in expected_shapes(manifest, vocabulary).items():
        if name not in weights:
            raise PackError(f"{folder / WEIGHTS} lacks the tensor {name}")
        if tuple(weights[name].shape) != shape:
            raise PackError(f"{folder / WEIGHTS}: {name} is {tuple(weights[name].shape)}, the models need {shape}")
    return weights


def expected_shapes(manifest: Manifest, vocabulary: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor that a pack with this manifest must hold."""
    shapes = {
        f"encoder.{name}.{key}": shape
        for name, sizes in manifest.encoders.items()
        for key, shape in layout.encoder(sizes.shape, vocabulary).items()
    }
    for model in Model:
        sizes = manifest.encoder_of(model)
        own = layout.head(
            model,
            sizes.shape,
            entity_tags=len(manifest.tag_sets.entity),
            supersense_tags=len(manifest.tag_sets.supersense),
        )
        own["added_embeddings"] = (len(ADDED_TOKENS[model]), sizes.hidden)
        shapes |= {f"{model}.{key}": shape for key, shape in own.items()}
    return shapes


def read_vocabulary(folder: Path) -> dict[str, int]:
    """Return the id of each word piece: its line in `vocab.txt`."""
    lines = (folder / VOCABULARY).read_text(encoding="utf-8").split("\n")
    return {piece: index for index, piece in enumerate(lines) if piece}


def _check_file(folder: Path, name: str, expected: PackFile) -> None:
    path = folder / name
    if path.parent != folder:
        raise PackError(f"{folder / MANIFEST} names {name!r}, which is not a file of the pack's own folder")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PackError(f"the pack in {folder} is incomplete: {name} cannot be read ({error.strerror})") from error
    if len(content) != expected.bytes or hashlib.sha256(content).hexdigest() != expected.sha256:
        raise PackError(f"the pack in {folder} is damaged: {name} does not have the bytes that its manifest tells")


def _widened(stored: Mapping[str, Tensor], name: str) -> Tensor:
    scale = stored.get(f"{name}.scale")
    tensor = stored[name].float()
    return tensor if scale is None else tensor * scale.float()[:, None]


def _under(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) + 1 :]: tensor for name, tensor in weights.items() if name.startswith(f"{prefix}.")}


def _encoders(
    manifest: Manifest, weights: Mapping[str, Tensor], device: torch.device, dtype: torch.dtype
) -> tuple[dict[str, Encoder], dict[Model, dict[str, int]]]:
    """Build each encoder, its table of words followed by the tokens that its models add; return their ids too.

    A token that two models add with the same embedding has one id, so that both read the same pieces.
    """
    encoders: dict[str, Encoder] = {}
    added: dict[Model, dict[str, int]] = {}
    for name, sizes in manifest.encoders.items():
        own = _under(weights, f"encoder.{name}")
        rows = own[_WORDS]
        known: dict[bytes, int] = {}
        extra: list[Tensor] = []
        for model in (model for model in Model if manifest.models[model] == name):
            added[model] = {}
            for token, row in zip(ADDED_TOKENS[model], weights[f"{model}.added_embeddings"], strict=True):
                number = known.setdefault(row.numpy().tobytes(), len(rows) + len(extra))
                if number == len(rows) + len(extra):
                    extra.append(row)
                added[model][token] = number
        own[_WORDS] = torch.cat([rows, torch.stack(extra)]) if extra else rows
        encoders[name] = Encoder({key: tensor.to(device) for key, tensor in own.items()}, sizes.shape, dtype)
    return encoders, added


def _resolved(precision: Precision, device: torch.device) -> Precision:
    if precision is not Precision.AUTO:
        return precision
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())  # noqa: SLF001
    return Precision.BF16 if native else Precision.F32


def describe_file(path: Path) -> PackFile:
    """Return a file's entry for a manifest."""
    content = path.read_bytes()
    return PackFile(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
