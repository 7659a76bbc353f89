"""How good a whole run is, as a user gets it: from the original text, with the run's own words, mentions and quotes.

Everything is compared by its characters in the text. Coreference is scored with spurious and missed mentions, the
counts of all texts added up, as the CoNLL scorer does it; the run is the engine's default one, which leaves alone
what is neither a name nor a pronoun.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.quality_text import Annotated, Span
from gpu_worker.engine import Analysis, Engine
from training import scoring
from training.scoring import Counts

_MEASURES = {"muc": scoring.muc, "b3": scoring.b_cubed, "ceafe": scoring.ceaf_e}


def evaluate(engine: Engine, texts: Sequence[Annotated]) -> Mapping[str, Mapping[str, float]]:
    """Return each task's scores, in per cent."""
    tally = Tally()
    for number, text in enumerate(texts):
        tally.count(number, text, Found.of(engine.analyze(text.text)))
    return tally.scores()


@dataclass(frozen=True, slots=True)
class Found:
    """What a run found, by its characters."""

    #: Each mention's cluster.
    mentions: Mapping[tuple[Span, str, str], int]
    events: frozenset[Span]
    #: Each quote's speaker: the mention and its cluster, None where none was found.
    quotes: Mapping[Span, tuple[Span, int] | None]

    @classmethod
    def of(cls, analysis: Analysis) -> "Found":
        """Return what an analysis found."""
        tokens, mentions, refs = analysis.tokens, analysis.tagging.mentions, analysis.refs

        def span(start: int, end: int) -> Span:
            return tokens[start].onset, tokens[end].offset

        def speaker(mention: int | None) -> tuple[Span, int] | None:
            return None if mention is None else (span(mentions[mention].start, mentions[mention].end), refs[mention])

        return cls(
            {
                (span(mention.start, mention.end), mention.prop, mention.category): ref
                for mention, ref in zip(mentions, refs, strict=True)
            },
            frozenset(span(event, event) for event in analysis.tagging.events),
            {
                span(quote.start, quote.end): speaker(mention)
                for quote, mention in zip(analysis.quotes, analysis.speakers, strict=True)
            },
        )


@dataclass(slots=True)
class Tally:
    """What was right so far."""

    mentions: Counts = field(default_factory=Counts)
    events: Counts = field(default_factory=Counts)
    quotes: Counts = field(default_factory=Counts)
    clusters: dict[str, Counts] = field(default_factory=lambda: dict.fromkeys(_MEASURES, Counts()))
    #: The true and the found speaker of every quote: of the first the entity, of the second the cluster.
    true_speakers: list[str] = field(default_factory=list)
    found_speakers: list[str] = field(default_factory=list)
    #: How many quotes go to a mention of their true speaker.
    right_speakers: int = 0

    def count(self, number: int, gold: Annotated, found: Found) -> None:
        """Compare what was found in a text, the `number`th, with what is there."""
        self.mentions += scoring.matches(gold.mentions.keys(), found.mentions.keys())
        self.events += scoring.matches(gold.events, found.events)
        self.quotes += scoring.matches(gold.quotes.keys(), found.quotes.keys())
        entities = {span: entity for (span, _, _), entity in gold.mentions.items()}
        refs = {span: ref for (span, _, _), ref in found.mentions.items()}
        for name, measure in _MEASURES.items():
            self.clusters[name] += measure(scoring.clusters(entities), scoring.clusters(refs))
        for place, (speaker, answer) in enumerate(_answers(gold, found)):
            self.true_speakers.append(f"{number} {speaker or f'nobody {place}'}")
            self.found_speakers.append(f"{number} {answer[1] if answer else f'no answer {place}'}")
            self.right_speakers += answer is not None and speaker is not None and entities.get(answer[0]) == speaker

    def scores(self) -> dict[str, dict[str, float]]:
        """Return the scores of all texts together, in per cent."""
        clusters = {name: counts.f1 for name, counts in self.clusters.items()}
        speakers = scoring.b_cubed(
            scoring.clusters(dict(enumerate(self.true_speakers))),
            scoring.clusters(dict(enumerate(self.found_speakers))),
        )
        shares = {
            "entities": {"f1": self.mentions.f1},
            "events": {"f1": self.events.f1},
            "quotes": {"f1": self.quotes.f1},
            "speakers": {"accuracy": self.right_speakers / max(len(self.true_speakers), 1), "b3": speakers.f1},
            "coreference": {**clusters, "average": sum(clusters.values()) / len(clusters)},
        }
        return {task: {name: round(100 * share, 2) for name, share in part.items()} for task, part in shares.items()}


def _answers(gold: Annotated, found: Found) -> Iterator[tuple[str | None, tuple[Span, int] | None]]:
    """Yield each true quote's speaker, and the speaker of the found quote that has most of it in common."""
    for (start, end), speaker in gold.quotes.items():
        overlaps = [(min(end, other[1]) - max(start, other[0]), other) for other in found.quotes]
        most, quote = max(overlaps, default=(0, (0, 0)))
        yield speaker, found.quotes[quote] if most > 0 else None
