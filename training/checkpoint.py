"""What a run writes into its folder, so that it can go on in another process, another day.

`last.pt` holds everything; `best.safetensors` the averaged weights with the best dev scores. Files are replaced whole:
a run that is killed while it writes leaves the file before.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.errors import CheckpointError
from training.recipe import Recipe

_LAST, _BEST = "last.pt", "best.safetensors"


@dataclass(slots=True)
class State:
    """How far a run is."""

    step: int = 0
    #: Of all threads, in training; evaluation not included.
    cpu_seconds: float = 0.0
    best_merit: float = 0.0
    best_step: int = 0
    #: Dev scores by step.
    scores: dict[int, dict[str, dict[str, float]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Saved:
    """What was read back."""

    state: State
    weights: Mapping[str, Tensor]
    averaged: Mapping[str, Tensor]
    optimizer: dict[str, Any]


class Checkpoint:
    """The folder of one run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(
        self,
        recipe: Recipe,
        state: State,
        weights: Mapping[str, Tensor],
        averaged: Mapping[str, Tensor],
        optimizer: dict[str, Any],
    ) -> None:
        """Write the run as it is now; raises `CheckpointError`."""
        content = {
            "recipe": asdict(recipe),
            "state": asdict(state),
            "weights": {name: tensor.detach() for name, tensor in weights.items()},
            "averaged": dict(averaged),
            "optimizer": optimizer,
        }
        with self._replacing(_LAST) as new:
            torch.save(content, new)

    def load(self, recipe: Recipe) -> Saved | None:
        """Return the run as it was written last, None where there is none yet; raises `CheckpointError`."""
        path = self._folder / _LAST
        if not path.exists():
            return None
        with _reading(path) as content:
            other = {key: value for key, value in content["recipe"].items() if value != asdict(recipe).get(key)}
            same = content["recipe"] == asdict(recipe)
            saved = Saved(State(**content["state"]), content["weights"], content["averaged"], content["optimizer"])
        if not same:
            raise CheckpointError(f"{path} was made with other choices ({other}): choose them, or another folder")
        return saved

    def story(self) -> tuple[Recipe, State]:
        """Return the recipe of the run that was written last, and how far it is; raises `CheckpointError`."""
        path = self._folder / _LAST
        if not path.exists():
            raise CheckpointError(f"{self._folder} holds no run yet: train first, with python -m training run")
        with _reading(path) as content:
            return Recipe(**content["recipe"]), State(**content["state"])

    def save_best(self, averaged: Mapping[str, Tensor]) -> None:
        """Keep these weights as the best so far; raises `CheckpointError`."""
        with self._replacing(_BEST) as new:
            save_file({name: tensor.detach().cpu().contiguous() for name, tensor in averaged.items()}, new)

    def load_best(self) -> dict[str, Tensor]:
        """Return the best weights; raises `CheckpointError` where none were kept yet, or they are damaged."""
        try:
            return load_file(self._folder / _BEST)
        except OSError as error:
            raise CheckpointError(f"{self._folder} holds no weights yet: let the run reach its first scores") from error
        except SafetensorError as error:
            raise CheckpointError(
                f"{self._folder / _BEST} is damaged ({error}): remove the folder, and train anew"
            ) from error

    @contextmanager
    def _replacing(self, name: str) -> Iterator[Path]:
        """Yield where to write a file anew; it comes into its place once it is whole, or is removed."""
        new = self._folder / f"{name}.new"
        with saving_into(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                yield new
                new.replace(self._folder / name)
            finally:
                new.unlink(missing_ok=True)


@contextmanager
def saving_into(folder: Path) -> Iterator[None]:
    """Raise `CheckpointError` for whatever the libraries call a disk that is full or a folder that is not ours."""
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(
            f"{folder} cannot be written ({error}): make room, or let it be yours, then run the same command again"
        ) from error


@contextmanager
def _reading(path: Path) -> Iterator[dict[str, Any]]:
    """Yield what a run wrote; raises `CheckpointError` where it is not that."""
    try:
        yield torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:  # of whatever kind: bytes that are no pickle lead torch's reader anywhere
        raise CheckpointError(f"{path} cannot be read as a checkpoint: remove it to begin anew") from error
