"""What coreference loses on a stretch of a novel: the likelihood of the true antecedents (Lee et al., EMNLP 2017).

Whom a mention may refer to, and what is known of a pair, is the engine's to say; pairs are scored by its network.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gpu_worker.engine import coreference, windows
from gpu_worker.engine.antecedents import Document
from gpu_worker.engine.mention_vectors import MentionVectors
from gpu_worker.engine.networks import CorefNetwork
from gpu_worker.engine.windows import Integers

_OTHER, _SAME, _UNKNOWN = 0, 1, 2
_DROPOUT = 0.2


@dataclass(frozen=True, slots=True)
class Chains:
    """The mentions of a stretch and their entities; positions are words of the stretch."""

    document: Document
    #: `[mentions]`
    entities: Integers
    #: For each mention in a quote, the entity that is known to speak it; -1 elsewhere.
    speakers: Integers


def loss(network: CorefNetwork, words: Tensor, chains: Chains) -> Tensor | None:
    """Return the mean loss a mention, None where no mention has a candidate; `words` is `[words, hidden]`."""
    document, device = chains.document, words.device
    read = MentionVectors(mention_states(network, words, document), document.ends - document.starts)
    vectors = functional.dropout(coreference.with_features(read, document, network), _DROPOUT)
    pairs = coreference.candidates(np.arange(len(chains.entities)), document.in_quote, compat=True)
    if not len(pairs.anaphors):
        return None
    anaphor = windows.to_device(pairs.anaphors, device)
    antecedent = windows.to_device(pairs.antecedents, device)
    places = coreference.pair_places(document, pairs, device)
    first_layer = (
        network.as_anaphors(vectors)[anaphor]
        + network.as_antecedents(vectors)[antecedent]
        + network.pair_features(vectors[anaphor] * vectors[antecedent], *places)
    )
    unary = network.unary(vectors)
    speaker = windows.to_device(_speaker_feature(chains, pairs.anaphors, pairs.antecedents), device)
    scores = network.pair_scores(first_layer, speaker) + unary[anaphor] + unary[antecedent]
    right = chains.entities[pairs.anaphors] == chains.entities[pairs.antecedents]
    return _antecedent_loss(scores, pairs.counts, right)


def mention_states(network: CorefNetwork, words: Tensor, document: Document) -> Tensor:
    """Return each mention's first word, last word and words weighed by salience, `[mentions, 3 * hidden]`."""
    sizes = document.ends - document.starts + 1
    taken = windows.to_device(windows.spread(document.starts, sizes), words.device)
    owner = windows.to_device(np.repeat(np.arange(len(sizes)), sizes), words.device)
    salience = network.salience(words)[taken]
    sums = salience.new_zeros(len(sizes)).index_add(0, owner, salience)
    weighed = words[taken] * (salience / sums[owner])[:, None]
    attended = words.new_zeros(len(sizes), words.shape[1]).index_add(0, owner, weighed)
    starts, ends = (windows.to_device(places, words.device) for places in (document.starts, document.ends))
    return torch.cat((words[starts], words[ends], attended), 1)


def _speaker_feature(chains: Chains, anaphors: Integers, antecedents: Integers) -> Integers:
    speaker = chains.speakers[anaphors]
    told = np.where(chains.entities[antecedents] == speaker, _SAME, _OTHER)
    return np.where(speaker >= 0, told, _UNKNOWN)


def _antecedent_loss(scores: Tensor, counts: Integers, right: Sequence[bool] | np.ndarray) -> Tensor:
    """Return the mean of minus the log of the right antecedents' share; to begin a cluster scores 0."""
    having = np.flatnonzero(counts)
    real = np.arange(counts.max() + 1) < counts[having][:, None]
    table = scores.new_full(real.shape, -torch.inf)
    table[torch.from_numpy(real).to(scores.device)] = scores
    gold = np.zeros(real.shape, bool)
    gold[real] = right
    places = np.arange(len(having)), counts[having]
    none_right = ~gold.any(1)
    gold[places] = none_right
    columns = torch.from_numpy(places[1]).to(scores.device)
    table = table.scatter(1, columns[:, None], 0.0)
    kept = table.masked_fill(torch.from_numpy(~gold).to(scores.device), -torch.inf)
    return (torch.logsumexp(table, 1) - torch.logsumexp(kept, 1)).mean()
