"""What a model pack says about itself, and whether its files are the ones that it says.

Read without torch, so that packs can be listed and files checked in no time.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from gpu_worker.engine.errors import PackError
from gpu_worker.engine.layout import Model

if TYPE_CHECKING:
    from gpu_worker.engine.encoder import EncoderShape

MANIFEST = "manifest.json"
WEIGHTS = "model.safetensors"
VOCABULARY = "vocab.txt"


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

    @model_validator(mode="after")
    def _divisible(self) -> Self:
        if self.hidden % self.heads:
            raise ValueError(f"{self.heads} heads cannot share {self.hidden} numbers evenly")
        return self

    @property
    def shape(self) -> "EncoderShape":
        """These sizes as the encoder takes them."""
        from gpu_worker.engine.encoder import EncoderShape

        return EncoderShape(**self.model_dump())


class TagSets(_Section):
    """The tags of the tagger's two tag sets, in the order of their numbers."""

    entity: tuple[str, ...]
    supersense: tuple[str, ...]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        _require_spans("entity", self.entity)
        _require_spans("supersense", self.supersense)
        odd = next((tag for tag in self.entity if tag != "O" and tag.count("_") != 1), None)
        if odd is not None:
            raise ValueError(f"the entity tag {odd!r} does not name a kind and a category, as B-PROP_PER does")
        return self


def _require_spans(name: str, tags: tuple[str, ...]) -> None:
    """Raise ValueError unless the tags are `O` and, for each category, one `B-` and one `I-`."""
    categories = {tag[2:] for tag in tags if tag != "O"}
    expected = {"O", *(f"{part}-{category}" for category in categories for part in "BI")}
    if set(tags) != expected or len(tags) != len(expected):
        raise ValueError(f"the {name} tags are not O and one B- and I- for each category")


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
    #: What to know before comparing the scores with others.
    caveats: tuple[str, ...] = ()
    attribution: tuple[Source, ...] = ()

    def encoder_of(self, model: Model) -> EncoderSizes:
        """Return the sizes of the encoder that `model` reads."""
        return self.encoders[self.models[model]]


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of the pack in `folder`, checked in itself; `check_files` looks at the files.

    Raises `PackError` for a folder that is no pack, or one of another format or architecture.
    """
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
    return manifest


def check_sizes(folder: Path, manifest: Manifest) -> None:
    """Look at every file that the manifest lists without reading it; raises `PackError` where one is cut short."""
    for name, expected in manifest.files.items():
        path = folder / name
        if path.parent != folder or name in (".", ".."):
            raise PackError(f"{folder / MANIFEST} names {name!r}, which is not a file of the pack's own folder")
        try:
            size = path.stat().st_size
        except OSError as error:
            raise PackError(f"the pack in {folder} is incomplete: {name} cannot be read ({error.strerror})") from error
        if size != expected.bytes:
            raise PackError(
                f"the pack in {folder} is damaged: {name} has {size:,} bytes, its manifest tells {expected.bytes:,}"
            )


def check_files(folder: Path, manifest: Manifest) -> None:
    """Read every file that the manifest lists; raises `PackError` where one is not what the manifest says."""
    check_sizes(folder, manifest)
    for name, expected in manifest.files.items():
        found = describe_file(folder / name)
        if found.sha256 != expected.sha256:
            raise PackError(
                f"the pack in {folder} is damaged: {name} has SHA-256 {found.sha256}, its manifest {expected.sha256}"
            )


def describe_file(path: Path) -> PackFile:
    """Return a file's entry for a manifest; raises `PackError` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return PackFile(sha256=hashlib.file_digest(file, "sha256").hexdigest(), bytes=file.tell())
    except OSError as error:
        raise PackError(f"{path} cannot be read: {error.strerror}") from error
