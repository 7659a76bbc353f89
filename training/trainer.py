"""The run: step after step, from a checkpoint where there is one, to the weights that are kept.

All chance of a step comes from the seed and the step's number, so a run that was broken off and one that was not end
with the same weights. What is kept is an average of the weights over the last steps (Polyak and Juditsky, 1992), at
the point at which the tasks' scores on the dev split are best on the whole.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.optim import AdamW

from training import evaluation, objective
from training.checkpoint import Checkpoint, State
from training.evaluation import Scores, Split
from training.examples import Examples, Step
from training.networks import ADDED, SHARED, Builder
from training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is after a step."""

    step: int
    #: The mean of each task's loss since the last report.
    losses: Mapping[str, float]
    #: Seconds of a processor's time that training has taken so far, in all parts of the run together.
    cpu_seconds: float
    #: Seconds a step since the last report, by the clock.
    seconds_a_step: float


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a run does what beside training."""

    report_steps: int = 20
    checkpoint_seconds: float = 240.0
    #: A multiple of `report_steps`.
    evaluate_steps: int = 1_500


class Trainer:
    """One run of a recipe."""

    def __init__(
        self, builder: Builder, examples: Examples, dev: Split, recipe: Recipe, checkpoint: Checkpoint
    ) -> None:
        """Begin anew, or where `checkpoint` ends; raises `CheckpointError` where that is of another recipe."""
        self._builder = builder
        self._recipe = recipe
        self._examples = examples
        self._dev = dev
        self._checkpoint = checkpoint
        self._weights = {
            name: tensor.to(builder.device).requires_grad_()
            for name, tensor in builder.foundation.fresh(recipe.seed).items()
        }
        self._optimizer = AdamW(_groups(self._weights, builder.foundation.shape.layers, recipe), fused=True)
        self._averaged = {name: tensor.detach().clone() for name, tensor in self._weights.items()}
        self._state = State()
        self._resume()

    @property
    def step(self) -> int:
        """How many steps are done."""
        return self._state.step

    def run(self, rhythm: Rhythm, report: Callable[[Progress], None], scored: Callable[[int, Scores], None]) -> None:
        """Train to the recipe's last step; `report` and `scored` learn how it goes."""
        steps = itertools.islice(self._examples.steps(), self._state.step, self._recipe.steps)
        saved, before = time.monotonic(), self._state.step
        for losses, since in self._reported(steps, rhythm.report_steps):
            count = self._state.step - before
            before = self._state.step
            report(Progress(self._state.step, losses, self._state.cpu_seconds, since / count))
            done = self._state.step == self._recipe.steps
            if done or self._state.step % rhythm.evaluate_steps == 0:
                scored(self._state.step, self._evaluate())
            if done or time.monotonic() - saved > rhythm.checkpoint_seconds:
                self.save()
                saved = time.monotonic()

    def save(self) -> None:
        """Write all that a later run needs to go on."""
        self._checkpoint.save(self._recipe, self._state, self._weights, self._averaged, self._optimizer.state_dict())

    def _reported(self, steps: Iterator[Step], often: int) -> Iterator[tuple[dict[str, float], float]]:
        """Train on `steps`, and yield the mean losses and the seconds of every `often` of them."""
        while chunk := list(itertools.islice(steps, often - self._state.step % often)):
            started, cpu_started = time.monotonic(), time.process_time()
            sums: dict[str, list[float]] = {}
            for step in chunk:
                for task, loss in self._train(step).items():
                    sums.setdefault(task, []).append(loss)
            self._state.cpu_seconds += time.process_time() - cpu_started
            yield {task: sum(each) / len(each) for task, each in sums.items()}, time.monotonic() - started

    def _train(self, step: Step) -> dict[str, float]:
        recipe = self._recipe
        number = self._state.step + 1
        torch.manual_seed(recipe.seed * 1_000_003 + number)
        rng = np.random.default_rng((recipe.seed, number))
        for group in self._optimizer.param_groups:
            group["lr"] = group["full_rate"] * recipe.rate(number)
        networks = self._builder.in_training(self._weights, dropout=recipe.dropout)
        losses = objective.losses(networks, step, recipe, rng)
        self._optimizer.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]  # in torch
        torch.nn.utils.clip_grad_norm_(self._weights.values(), recipe.gradient_norm)
        self._optimizer.step()
        self._average(number)
        self._state.step = number
        return {task: float(loss.detach()) for task, loss in losses.items()}

    def _average(self, number: int) -> None:
        """Move the average towards the weights; at first by more, so that it forgets how it began."""
        share = max(1 - self._recipe.averaging, 1 / (number + 1) ** 0.75)
        averaged = list(self._averaged.values())
        torch._foreach_lerp_(averaged, [weight.detach() for weight in self._weights.values()], share)

    def _evaluate(self) -> Scores:
        scores = evaluation.evaluate(self._builder.pack(self._averaged), self._dev)
        merit = sum(evaluation.headline(scores).values())
        if merit > self._state.best_merit:
            self._state.best_merit, self._state.best_step = merit, self._state.step
            self._checkpoint.save_best(self._averaged)
        self._state.scores[self._state.step] = {task: dict(values) for task, values in scores.items()}
        return scores

    def _resume(self) -> None:
        saved = self._checkpoint.load(self._recipe)
        if saved is None:
            self.save()  # so that a folder that cannot be written is told of before the training, not after
            return
        self._state = saved.state
        with torch.no_grad():
            for name, weight in self._weights.items():
                weight.copy_(saved.weights[name])
                self._averaged[name].copy_(saved.averaged[name])
        self._optimizer.load_state_dict(saved.optimizer)


def _groups(weights: Mapping[str, Tensor], layers: int, recipe: Recipe) -> list[dict[str, object]]:
    """Return the optimiser's groups: weights that learn at one rate; of these, matrices alone decay."""
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, weight in weights.items():
        decay = recipe.weight_decay if weight.dim() > 1 and "embedding" not in name else 0.0
        groups.setdefault((_full_rate(name, layers, recipe), decay), []).append(weight)
    return [
        {"params": members, "lr": rate, "full_rate": rate, "weight_decay": decay}
        for (rate, decay), members in groups.items()
    ]


def _full_rate(name: str, layers: int, recipe: Recipe) -> float:
    layer_prefix = f"encoder.{SHARED}.encoder.layer."
    if name.startswith(layer_prefix):
        depth = layers - 1 - int(name.removeprefix(layer_prefix).partition(".")[0])
        return recipe.encoder_rate * recipe.layer_decay**depth
    if name.startswith("encoder."):
        return recipe.encoder_rate * recipe.layer_decay**layers
    return recipe.encoder_rate if name == ADDED else recipe.head_rate
