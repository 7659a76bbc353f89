"""What attributing quotes loses: the likelihood that one of the right candidates is chosen.

The engine folds the quotes, cuts the windows and scores the candidates; an earlier quote is right where its own
speaker is the one asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gpu_worker.engine import speakers
from gpu_worker.engine.networks import SpeakerNetwork
from gpu_worker.engine.quote_windows import Folded, Window
from gpu_worker.engine.windows import Integers
from training.litbank import Novel


@dataclass(frozen=True, slots=True)
class Question:
    """Who speaks a quote: its window, the pieces of its text, and which candidates are right."""

    window: Window
    pieces: Integers
    right: NDArray[np.bool_]

    @property
    def length(self) -> int:
        """How many pieces the window has."""
        return self.window.end - self.window.start


def questions(novel: Novel, network: SpeakerNetwork) -> list[Question]:
    """Return the novel's quotes that a candidate of their window speaks; of `network` only the tokeniser is used."""
    if not novel.quotes:
        return []
    folded = Folded(novel.quotes, novel.mentions, novel.tokens, network)
    entity_at = {(m.start, m.end): entity for m, entity in zip(novel.mentions, novel.entities, strict=True)}
    speaker_at = {(q.start, q.end): speaker for q, speaker in zip(novel.quotes, novel.speakers, strict=True)}
    found = []
    for index, speaker in enumerate(novel.speakers):
        window = folded.window(index)
        if window is None or speaker is None:
            continue
        right = np.array(
            [(speaker_at if c.is_quote else entity_at)[c.start, c.end] == speaker for c in window.candidates], bool
        )
        if right.any():
            found.append(Question(window, folded.pieces, right))
    return found


def loss(network: SpeakerNetwork, asked: Sequence[Question]) -> Tensor:
    """Return the mean loss a quote."""
    pieces, shifted = _end_to_end(asked)
    scores = speakers.scores(shifted, pieces, network)
    counts = np.array([len(question.right) for question in asked])
    real = torch.from_numpy(np.arange(counts.max()) < counts[:, None]).to(scores.device)
    table = scores.new_full(real.shape, -torch.inf)
    table[real] = scores
    right = torch.from_numpy(np.concatenate([question.right for question in asked])).to(scores.device)
    kept = table.new_full(real.shape, -torch.inf)
    kept[real] = torch.where(right, scores, scores.new_tensor(-torch.inf))
    return (torch.logsumexp(table, 1) - torch.logsumexp(kept, 1)).mean()


def _end_to_end(asked: Sequence[Question]) -> tuple[Integers, list[Window]]:
    """Return the pieces of all windows end to end, and the windows moved to where theirs are."""
    parts, moved, base = [], [], 0
    for question in asked:
        window = question.window
        by = base - window.start
        parts.append(question.pieces[window.start : window.end])
        moved.append(
            replace(
                window,
                start=window.start + by,
                end=window.end + by,
                mark=window.mark + by,
                firsts=window.firsts + by,
            )
        )
        base += question.length
    return np.concatenate(parts), moved
