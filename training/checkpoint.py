"""What a run writes into its folder, so that it can go on in another process, another day.

`last.pt` holds everything; `best.safetensors` the averaged weights with the best dev scores. Files are replaced whole:
a run that is killed while it writes leaves the file before.
"""

import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
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
        folder.mkdir(parents=True, exist_ok=True)

    def save(
        self,
        recipe: Recipe,
        state: State,
        weights: Mapping[str, Tensor],
        averaged: Mapping[str, Tensor],
        optimizer: dict[str, Any],
    ) -> None:
        """Write the run as it is now."""
        content = {
            "recipe": asdict(recipe),
            "state": asdict(state),
            "weights": {name: tensor.detach() for name, tensor in weights.items()},
            "averaged": dict(averaged),
            "optimizer": optimizer,
        }
        new = self._folder / f"{_LAST}.new"
        torch.save(content, new)
        new.replace(self._folder / _LAST)

    def load(self, recipe: Recipe) -> Saved | None:
        """Return the run as it was written last, None where there is none yet; raises `CheckpointError`."""
        path = self._folder / _LAST
        if not path.exists():
            return None
        content = self._read(path)
        if content["recipe"] != asdict(recipe):
            other = {key: value for key, value in content["recipe"].items() if value != asdict(recipe).get(key)}
            raise CheckpointError(f"{path} was made with other choices ({other}): choose them, or another folder")
        return Saved(State(**content["state"]), content["weights"], content["averaged"], content["optimizer"])

    def story(self) -> tuple[Recipe, State]:
        """Return the recipe of the run that was written last, and how far it is; raises `CheckpointError`."""
        content = self._read(self._folder / _LAST)
        return Recipe(**content["recipe"]), State(**content["state"])

    @staticmethod
    def _read(path: Path) -> dict[str, Any]:
        try:
            content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
            raise CheckpointError(f"{path} cannot be read ({error}): remove it to begin anew") from error
        return content

    def save_best(self, averaged: Mapping[str, Tensor]) -> None:
        """Keep these weights as the best so far."""
        new = self._folder / f"{_BEST}.new"
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in averaged.items()}, new)
        new.replace(self._folder / _BEST)

    def load_best(self) -> dict[str, Tensor]:
        """Return the best weights; raises `CheckpointError` where none were kept yet."""
        try:
            return load_file(self._folder / _BEST)
        except OSError as error:
            raise CheckpointError(f"{self._folder} holds no weights yet: let the run reach its first scores") from error
