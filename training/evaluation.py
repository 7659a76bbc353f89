"""How well weights do on a split, by the engine's own run over it.

Tokens are given, as the corpora have them. Speakers are asked for with the true mentions and quotes; coreference with
the true mentions, quotes and speakers, every kind of mention resolved and none by name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gpu_worker.engine import coreference, names, quotes, speakers, tagging
from gpu_worker.engine.document import Task
from gpu_worker.engine.pack import Pack
from training import scoring
from training.litbank import Novel
from training.scoring import Counts
from training.semcor import BrownText

Scores = Mapping[str, Mapping[str, float]]

_KINDS = ("PROP", "NOM", "PRON")
_CATEGORIES = ("PER", "FAC", "GPE", "LOC", "VEH", "ORG")


@dataclass(frozen=True, slots=True)
class Split:
    """The texts of one split of both corpora."""

    novels: Sequence[Novel]
    brown: Sequence[BrownText]


def evaluate(pack: Pack, split: Split) -> Scores:
    """Return each task's scores, in per cent."""
    return {
        **_tags(pack, split.novels),
        "supersenses": _supersenses(pack, split.brown),
        "speakers": _speakers(pack, split.novels),
        "coreference": _coreference(pack, split.novels),
    }


def headline(scores: Scores) -> dict[str, float]:
    """Return the one number of each task that a run is judged by."""
    speaker = scores["speakers"]
    return {
        "entities": scores["entities"]["f1"],
        "events": scores["events"]["f1"],
        "supersenses": scores["supersenses"]["f1"],
        "speakers": round((speaker["accuracy"] + speaker["b3"]) / 2, 2),
        "coreference": scores["coreference"]["average"],
    }


def _tags(pack: Pack, novels: Sequence[Novel]) -> Scores:
    total, events = Counts(), Counts()
    parts = dict.fromkeys((*_KINDS, *_CATEGORIES), Counts())
    for novel in novels:
        found = tagging.tag(
            novel.tokens, pack, tasks=frozenset({Task.ENTITY, Task.EVENT}), compat=False, advance=_ignore
        )
        gold = {(m.start, m.end, m.prop, m.category) for m in novel.mentions}
        predicted = {(m.start, m.end, m.prop, m.category) for m in found.mentions}
        total += scoring.matches(gold, predicted)
        events += scoring.matches(novel.events, found.events)
        for part in parts:
            parts[part] += scoring.matches(
                {mention for mention in gold if part in mention}, {mention for mention in predicted if part in mention}
            )
    by_part = {f"{part.lower()}_f1": _percent(counts.f1) for part, counts in parts.items()}
    return {"entities": {"f1": _percent(total.f1), **by_part}, "events": {"f1": _percent(events.f1)}}


def _supersenses(pack: Pack, texts: Sequence[BrownText]) -> dict[str, float]:
    total = Counts()
    for text in texts:
        found = tagging.tag(text.tokens, pack, tasks=frozenset({Task.SUPERSENSE}), compat=False, advance=_ignore)
        total += scoring.matches(set(text.spans()), {(s.start, s.end, s.category) for s in found.supersenses})
    return {"f1": _percent(total.f1)}


def _speakers(pack: Pack, novels: Sequence[Novel]) -> dict[str, float]:
    """Return how well the quotes of a conversation are attributed together, and in `compat` each by itself."""
    by_turns, alone = (_attributed(pack, novels, compat=compat) for compat in (False, True))
    return {**by_turns, **{f"compat_{name}": value for name, value in alone.items()}}


def _attributed(pack: Pack, novels: Sequence[Novel], *, compat: bool) -> dict[str, float]:
    gold: list[str | None] = []
    predicted: list[str | None] = []
    for novel in novels:
        in_quote = quotes.inside(novel.quotes, len(novel.tokens))
        named = names.cluster(novel.tokens, novel.mentions, in_quote, compat=compat)
        chosen = _chosen(pack, novel, named, compat=compat)
        prefix = f"{novel.name} "
        gold += [prefix + (speaker or f"nobody {index}") for index, speaker in enumerate(novel.speakers)]
        predicted += [None if mention is None else prefix + novel.entities[mention] for mention in chosen]
    answers = {index: answer or f"no answer {index}" for index, answer in enumerate(predicted)}
    counts = scoring.b_cubed(scoring.clusters(dict(enumerate(gold))), scoring.clusters(answers))
    return {"accuracy": _percent(scoring.accuracy(gold, predicted)), "b3": _percent(counts.f1)}


def _chosen(pack: Pack, novel: Novel, named: Sequence[int], *, compat: bool) -> list[int | None]:
    """Return for each quote the index of the mention that speaks it, as the engine decides it."""
    if compat:
        return speakers.attribute_each(novel.quotes, novel.mentions, novel.tokens, pack, advance=_ignore)
    narration = coreference.narrate(
        novel.tokens, novel.mentions, named, {}, novel.quotes, pack, gender_cats=(), advance=_ignore
    )
    turns = speakers.attribute(novel.quotes, novel.mentions, narration.persons(), novel.tokens, pack, advance=_ignore)
    return [None if turn is None else turn.mention for turn in turns]


def _coreference(pack: Pack, novels: Sequence[Novel]) -> dict[str, float]:
    """Return the mean over the novels of each measure's F1, and the mean of the three."""
    measures = {"muc": scoring.muc, "b3": scoring.b_cubed, "ceafe": scoring.ceaf_e}
    sums = dict.fromkeys(measures, 0.0)
    for novel in novels:
        found = coreference.resolve(
            novel.tokens,
            novel.mentions,
            [-1] * len(novel.mentions),
            {},
            _told(novel),
            novel.quotes,
            pack,
            gender_cats=(),
            pronominal_only=False,
            compat=False,
            advance=_ignore,
        )
        gold = scoring.clusters(dict(enumerate(novel.entities)))
        predicted = scoring.clusters(dict(enumerate(found)))
        for name, measure in measures.items():
            sums[name] += measure(gold, predicted).f1 / len(novels)
    average = sum(sums.values()) / len(sums)
    return {**{name: _percent(value) for name, value in sums.items()}, "average": _percent(average)}


def _told(novel: Novel) -> list[int | None]:
    """Return for each quote the nearest mention of its true speaker outside of quotes."""
    quoted = {place for quote in novel.quotes for place in range(quote.start, quote.end + 1)}
    outside = [
        (mention, entity, index)
        for index, (mention, entity) in enumerate(zip(novel.mentions, novel.entities, strict=True))
        if mention.start not in quoted and mention.end not in quoted
    ]
    told = []
    for quote, speaker in zip(novel.quotes, novel.speakers, strict=True):
        near = [
            (min(abs(mention.end - quote.start), abs(mention.start - quote.end)), index)
            for mention, entity, index in outside
            if entity == speaker
        ]
        told.append(min(near)[1] if near else None)
    return told


def _percent(share: float) -> float:
    return round(100 * share, 2)


def _ignore(_: float) -> None:
    """Nobody waits for a share of an evaluation."""
