"""What one step loses: the losses of its tasks, each with its weight."""

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from gpu_worker.engine.antecedents import Document
from training import coref_loss, speaker_loss, tagger_loss
from training.coref_loss import Chains
from training.examples import BrownStep, NovelStep, QuoteStep, Step
from training.networks import Networks
from training.recipe import Recipe

#: The row of WordNet's embedding for what is no word.
_NO_WORD = 0
_NOBODY = -1
#: How often a speaker is kept back, so that quotes whose speaker nobody found are known too.
_HIDDEN = 0.15


def losses(networks: Networks, step: Step, recipe: Recipe, rng: np.random.Generator) -> Mapping[str, Tensor]:
    """Return the weighed loss of each task that `step` has something for; `rng` hides some quotes' speakers."""
    match step:
        case NovelStep():
            return _novel_losses(networks, step, recipe, rng)
        case BrownStep():
            return {"supersense": recipe.supersense_weight * _supersense_loss(networks, step)}
        case QuoteStep():
            return {"speaker": recipe.speaker_weight * speaker_loss.loss(networks.speaker, step.questions)}


def _novel_losses(networks: Networks, step: NovelStep, recipe: Recipe, rng: np.random.Generator) -> dict[str, Tensor]:
    tagger, stretch = networks.tagger, step.stretch
    words = tagger_loss.read(tagger, stretch)
    layers = [stretch.spread(layer, tagger.entity_tags.outside) for layer in step.of.layers]
    events = stretch.spread(step.of.events, 0)
    found = {
        "entity": recipe.entity_weight * tagger_loss.entity_loss(tagger, words, stretch.counts, layers),
        "event": recipe.event_weight * tagger_loss.event_loss(tagger, words, stretch.counts, events),
    }
    chains = _chains(step, rng)
    if chains is not None:
        last_layer = words[..., : tagger.encoder.shape.hidden].transpose(0, 1)
        real = np.arange(last_layer.shape[1]) < stretch.counts[:, None]
        own = coref_loss.loss(networks.coref, last_layer[real.nonzero()], chains)
        if own is not None:
            found["coref"] = recipe.coref_weight * own
    return found


def _supersense_loss(networks: Networks, step: BrownStep) -> Tensor:
    tagger, stretch = networks.tagger, step.stretch
    words = tagger_loss.read(tagger, stretch)
    tags = stretch.spread(step.of.tags, tagger.supersense_tags.outside)
    senses = stretch.spread(step.of.senses, _NO_WORD)
    return tagger_loss.supersense_loss(tagger, words, stretch.counts, tags, senses)


def _chains(step: NovelStep, rng: np.random.Generator) -> Chains | None:
    """Return the mentions that lie wholly in the stretch, None where there are fewer than two."""
    novel, first, last = step.of.novel, int(step.stretch.starts[0]), int(step.stretch.ends[-1])
    inside = [index for index, m in enumerate(novel.mentions) if m.start >= first and m.end < last]
    if len(inside) < 2:
        return None
    speaker_at: dict[int, str | None] = {}
    for quote, speaker in zip(novel.quotes, novel.speakers, strict=True):
        speaker_at.update(dict.fromkeys(range(quote.start, quote.end + 1), speaker))
    mentions = [novel.mentions[index] for index in inside]
    entities = [novel.entities[index] for index in inside]
    number = {entity: index for index, entity in enumerate(dict.fromkeys(entities))}
    in_quote = np.array([m.start in speaker_at or m.end in speaker_at for m in mentions])
    outside = {entity for entity, quoted in zip(entities, in_quote, strict=True) if not quoted}
    hidden = {speaker for speaker in dict.fromkeys(speaker_at.values()) if rng.random() < _HIDDEN}
    known = outside - hidden
    speakers = [number[s] if (s := speaker_at.get(m.start)) in known and s is not None else _NOBODY for m in mentions]
    document = Document(
        mentions,
        np.array([m.start - first for m in mentions]),
        np.array([m.end - first for m in mentions]),
        in_quote,
        [None] * len(mentions),
    )
    return Chains(document, np.array([number[entity] for entity in entities]), np.array(speakers))
