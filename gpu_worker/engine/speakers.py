"""Who speaks each quote. After upstream's `english/bert_qa.py` (`QuotationAttribution`) and `speaker_attribution.py`.

A quote is read in its surroundings with every quote folded into one token: `[QUOTE]` for the quote in question,
`[ALTQUOTE]` for others; `[PAR]` stands between paragraphs. Candidates are the people named in that window outside
of quotes, and the earlier quotes, which stand for their own speakers.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gpu_worker.engine import addressing, antecedents, batches, names, turns, windows
from gpu_worker.engine.document import Mention, Quote, Token
from gpu_worker.engine.networks import SpeakerNetwork
from gpu_worker.engine.pack import Pack
from gpu_worker.engine.quote_windows import PERSON, Folded, Window
from gpu_worker.engine.turns import Turn
from gpu_worker.engine.windows import Integers, mean_of_runs

Floats = NDArray[np.float32]

#: The network's share of the time; the rest goes into weighing turns.
_SCORING = 0.98


def attribute(
    quotes: Sequence[Quote],
    mentions: Sequence[Mention],
    persons: Sequence[Mapping[int, float]],
    tokens: Sequence[Token],
    pack: Pack,
    *,
    advance: Callable[[float], None],
) -> list[Turn | None]:
    """Return for each quote who speaks it, None where nobody can be named.

    `persons` holds for each mention whom it may mean and the share of each. The quotes of a conversation are decided
    together (`turns`).
    """
    if not quotes:
        return []
    found, scored = _read(quotes, mentions, tokens, pack, lambda share: advance(_SCORING * share))
    evidence = _evidence(quotes, mentions, persons, tokens, found, scored)
    return turns.decide(quotes, tokens, persons, evidence, lambda share: advance(_SCORING + (1 - _SCORING) * share))


def attribute_each(
    quotes: Sequence[Quote],
    mentions: Sequence[Mention],
    tokens: Sequence[Token],
    pack: Pack,
    *,
    advance: Callable[[float], None],
) -> list[int | None]:
    """Return for each quote the index of the mention that speaks it, as upstream does: each quote by itself.

    It is the best candidate of the quote's window. A quote without candidates shifts every later speaker by one place,
    for upstream counts the quotes that it scored where it means the quote's own index.
    """
    found, scored = _read(quotes, mentions, tokens, pack, advance)
    return _each_by_itself(quotes, mentions, found, scored)


def by_names(mentions: Sequence[Mention], named: Sequence[int]) -> list[Mapping[int, float]]:
    """Return whom each mention means as far as names tell; nouns that read alike are one person."""
    return [{person: 1.0} for person in names.merge_nominals(mentions, antecedents.alone(named), compat=False)]


def _read(
    quotes: Sequence[Quote],
    mentions: Sequence[Mention],
    tokens: Sequence[Token],
    pack: Pack,
    advance: Callable[[float], None],
) -> tuple[list[Window], list[Floats]]:
    """Return the windows of the quotes that have candidates, and what these score."""
    folded = Folded(quotes, mentions, tokens, pack.speaker)
    found = [window for index in range(len(quotes)) if (window := folded.window(index)) is not None]
    with torch.inference_mode():
        return found, _scored(found, folded.pieces, pack.speaker, advance)


def _each_by_itself(
    quotes: Sequence[Quote], mentions: Sequence[Mention], found: Sequence[Window], scored: Sequence[Floats]
) -> list[int | None]:
    """Return the best candidate of each window, under the number of the window, as upstream does."""
    by_span = {(mention.start, mention.end): index for index, mention in enumerate(mentions)}
    speaker_of: dict[tuple[int, int], tuple[int, int]] = {}
    speakers: list[int | None] = [None] * len(quotes)
    for place, (window, own) in enumerate(zip(found, scored, strict=True)):
        if not len(own):
            continue
        choice = window.candidates[int(own.argmax())]
        span = choice.start, choice.end
        if choice.is_quote:
            span = speaker_of.get(span, span)
        if span in by_span:
            quote = quotes[window.quote]
            speaker_of[quote.start, quote.end] = span
            speakers[place] = by_span[span]
    return speakers


def _evidence(
    quotes: Sequence[Quote],
    mentions: Sequence[Mention],
    persons: Sequence[Mapping[int, float]],
    tokens: Sequence[Token],
    found: Sequence[Window],
    scored: Sequence[Floats],
) -> Iterator[turns.Evidence]:
    """Yield for each quote the scores of its candidates, none where it has no window, and whom it names."""
    mention_at = {(m.start, m.end): index for index, m in enumerate(mentions) if m.category == PERSON}
    quote_at = {(quote.start, quote.end): index for index, quote in enumerate(quotes)}
    of_quote = {window.quote: (window.candidates, own.tolist()) for window, own in zip(found, scored, strict=True)}
    names_in = addressing.said(quotes, mentions, tokens, persons)
    for index, (quote, said) in enumerate(zip(quotes, names_in, strict=True)):
        paragraphs = {tokens[quote.start].paragraph, tokens[quote.end].paragraph}
        people: dict[int, float] = {}
        earlier: dict[int, float] = {}
        cued = False
        for candidate, score in zip(*of_quote.get(index, ((), ())), strict=True):
            if candidate.is_quote:
                earlier[quote_at[candidate.start, candidate.end]] = score
            else:
                people[mention_at[candidate.start, candidate.end]] = score
                cued = cued or tokens[candidate.start].paragraph in paragraphs
        yield turns.Evidence(cued, people, earlier, said)


def _scored(
    found: Sequence[Window], pieces: Integers, network: SpeakerNetwork, advance: Callable[[float], None]
) -> list[Floats]:
    """Return for each window the scores of its candidates."""
    lengths = np.array([window.end - window.start + 2 for window in found], np.int64)
    scored: list[Floats] = [np.empty(0, np.float32)] * len(found)

    def read(batch: Integers) -> None:
        chosen = [found[index] for index in batch.tolist()]
        ends = np.cumsum([len(window.candidates) for window in chosen])
        parts = np.split(scores(chosen, pieces, network).cpu().numpy(), ends[:-1])
        for index, own in zip(batch.tolist(), parts, strict=True):
            scored[index] = own

    total, done = max(int(lengths.sum()), 1), 0
    for batch in batches.run_all(np.argsort(lengths), lengths, network.encoder.device, read):
        done += int(lengths[batch].sum())
        advance(done / total)
    return scored


def scores(batch: Sequence[Window], pieces: Integers, network: SpeakerNetwork) -> Tensor:
    """Return the score of every candidate of the windows, end to end."""
    device = network.encoder.device
    starts = np.array([window.start for window in batch])
    sizes = np.array([window.end for window in batch]) - starts
    ids, lengths = windows.framed(
        pieces, starts, sizes, first=network.tokenizer.id_of("[CLS]"), last=network.tokenizer.id_of("[SEP]")
    )
    shifts = np.cumsum(lengths) - lengths + 1 - starts
    marks = np.array([window.mark for window in batch]) + shifts
    ids[marks] = network.tokenizer.id_of("[QUOTE]")
    runs = [np.append(window.counts, 1) for window in batch]
    wanted = [
        np.append(windows.spread(window.firsts + shift, window.counts), mark)
        for window, shift, mark in zip(batch, shifts, marks, strict=True)
    ]
    places, counts = np.concatenate(wanted), np.array([len(own) for own in wanted])
    states = network.encoder.states_at(
        windows.to_device(ids, device), lengths, windows.to_device(places, device), counts
    )
    means = mean_of_runs(states, np.arange(len(places)), np.concatenate(runs)).float()
    numbers = np.array([len(window.candidates) for window in batch])
    quotes = np.cumsum(numbers + 1) - 1
    candidates = np.delete(np.arange(len(means)), quotes)
    candidate_means = means[windows.to_device(candidates, device)]
    return network.scores(candidate_means, means[windows.to_device(np.repeat(quotes, numbers), device)])
