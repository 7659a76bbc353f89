"""A model pack: a folder with a manifest, a vocabulary and the weights of BookNLP's three models.

Nothing in a pack is ever unpickled: the weights are safetensors, every file is checked against the manifest's
SHA-256, every tensor against the shapes that the models need. A matrix may be stored as int8 with one f16 scale for
each row (`<name>.scale`); it is widened when it is loaded.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from gpu_worker.engine import layout
from gpu_worker.engine.bio import TagSet
from gpu_worker.engine.document import Token
from gpu_worker.engine.encoder import Encoder
from gpu_worker.engine.errors import PackError
from gpu_worker.engine.layout import ADDED_TOKENS, WORDS, Model, under
from gpu_worker.engine.manifest import MANIFEST, VOCABULARY, WEIGHTS, Manifest, check_files, read_manifest
from gpu_worker.engine.mention_vectors import MentionReader
from gpu_worker.engine.networks import CorefNetwork, SpeakerNetwork, TaggerNetwork
from gpu_worker.engine.wordpiece import CAPITALISED, SPECIAL, WordPiece

#: What follows a matrix's name in the name of its rows' scales.
SCALE = ".scale"


class Precision(StrEnum):
    """What the networks compute in."""

    F32 = "f32"
    #: bf16 where a decision that falls otherwise changes its own line alone: in who speaks. A mention more or less
    #: renumbers all clusters that follow it, so what finds and joins mentions stays in f32.
    BF16 = "bf16"
    #: bf16 where the device multiplies it natively, else f32.
    AUTO = "auto"


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
    check_files(folder, manifest)
    weights = read_weights(folder, manifest)
    device = torch.device(device if device is not None else "cuda" if torch.cuda.is_available() else "cpu")
    precision = _resolved(precision, device)
    # On a GPU torch lets recurrent layers round to TF32's ten bits unless told; what they find is to be f32's.
    torch.backends.cudnn.rnn.fp32_precision = "ieee"  # type: ignore[attr-defined]  # set as it is imported
    speakers_dtype = torch.bfloat16 if precision is Precision.BF16 else torch.float32
    vocabulary = read_vocabulary(folder)
    tables, added = _tables_of_words(manifest, weights)

    tokenizers: dict[tuple[int, ...], WordPiece] = {}

    def tokenizer(model: Model) -> WordPiece:
        return tokenizers.setdefault(tuple(added[model].values()), WordPiece(vocabulary, added[model]))

    def weights_of(model: Model) -> dict[str, Tensor]:
        return {name: tensor.to(device) for name, tensor in under(weights, model).items()}

    @cache
    def built(name: str, dtype: torch.dtype) -> Encoder:
        own = under(weights, f"encoder.{name}") | {WORDS: tables[name]}
        own = {key: tensor.to(device) for key, tensor in own.items()}
        return Encoder(own, manifest.encoders[name].shape, dtype)

    def encoder(model: Model, dtype: torch.dtype = torch.float32) -> Encoder:
        return built(manifest.models[model], dtype)

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
        SpeakerNetwork(encoder(Model.SPEAKER, speakers_dtype), tokenizer(Model.SPEAKER), weights_of(Model.SPEAKER)),
        CorefNetwork(encoder(Model.COREF), tokenizer(Model.COREF), weights_of(Model.COREF)),
    )


def multiplies_bf16(device: torch.device) -> bool:
    """Tell whether the device multiplies bf16 natively, and so faster than f32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())  # noqa: SLF001 - no public one


def read_weights(folder: Path, manifest: Manifest) -> dict[str, Tensor]:
    """Return the pack's tensors in f32, checked against the models' shapes; raises `PackError`.

    Names are `encoder.<encoder>.<BERT's name>`, `<model>.<upstream's name>` and `<model>.added_embeddings`.
    """
    try:
        stored = load_file(folder / WEIGHTS)
    except (SafetensorError, OSError) as error:
        raise PackError(f"{folder / WEIGHTS} cannot be read as safetensors: {error}") from error
    expected = expected_shapes(manifest, len(read_vocabulary(folder)))
    names = {name for name in stored if not name.endswith(SCALE)}
    for name in sorted(names ^ expected.keys()):
        what = "lacks the tensor" if name in expected else "holds a tensor that no model has:"
        raise PackError(f"{folder / WEIGHTS} {what} {name}")
    try:
        return {name: _widened(stored, name, shape) for name, shape in expected.items()}
    except ValueError as error:
        raise PackError(f"{folder / WEIGHTS}: {error}") from error


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
    """Return the id of each word piece: its line in `vocab.txt`; raises `PackError`."""
    path = folder / VOCABULARY
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise PackError(f"{path} cannot be read as a vocabulary: {error}") from error
    vocabulary = {piece: index for index, piece in enumerate(lines) if piece}
    if list(vocabulary.values()) != list(range(len(vocabulary))):
        raise PackError(f"{path} is not a vocabulary of BERT: it has empty or repeated lines")
    if missing := [token for token in SPECIAL if token not in vocabulary]:
        raise PackError(f"{path} is not a vocabulary of BERT: it lacks {', '.join(missing)}")
    return vocabulary


def _widened(stored: Mapping[str, Tensor], name: str, shape: tuple[int, ...]) -> Tensor:
    """Return a tensor in f32; raises ValueError where it is not one that the models can multiply with."""
    tensor, scale = stored[name], stored.get(f"{name}{SCALE}")
    if tuple(tensor.shape) != shape:
        raise ValueError(f"{name} is {tuple(tensor.shape)}, the models need {shape}")
    if tensor.is_floating_point() == (scale is not None):
        raise ValueError(f"{name} is {tensor.dtype}{' with' if scale is not None else ' without'} a scale")
    widened = tensor.float()
    if scale is not None:
        if tuple(scale.shape) != shape[:1]:
            raise ValueError(f"the scale of {name} is {tuple(scale.shape)}, its rows need {shape[:1]}")
        widened *= scale.float()[:, None]
    if not torch.isfinite(widened).all():
        raise ValueError(f"{name} holds what is not a finite number")
    return widened


def _tables_of_words(
    manifest: Manifest, weights: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], dict[Model, dict[str, int]]]:
    """Return each encoder's table of words, followed by the tokens that its models add, and those tokens' ids.

    A token that two models add with the same embedding has one id, so that both read the same pieces.
    """
    tables: dict[str, Tensor] = {}
    added: dict[Model, dict[str, int]] = {}
    for name in manifest.encoders:
        rows = weights[f"encoder.{name}.{WORDS}"]
        known: dict[bytes, int] = {}
        extra: list[Tensor] = []
        for model in (model for model in Model if manifest.models[model] == name):
            added[model] = {}
            for token, row in zip(ADDED_TOKENS[model], weights[f"{model}.added_embeddings"], strict=True):
                number = known.setdefault(row.numpy().tobytes(), len(rows) + len(extra))
                if number == len(rows) + len(extra):
                    extra.append(row)
                added[model][token] = number
        tables[name] = torch.cat([rows, torch.stack(extra)]) if extra else rows
    return tables, added


def _resolved(precision: Precision, device: torch.device) -> Precision:
    if precision is not Precision.AUTO:
        return precision
    return Precision.BF16 if multiplies_bf16(device) else Precision.F32
