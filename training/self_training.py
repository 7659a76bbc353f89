"""More dialogue than is annotated: the rest of the training novels, attributed by the engine itself.

Self-training (Yarowsky, ACL 1995). The engine decides the quotes of a conversation together and so knows more than the
network that it asks about each one; what it finds in this way the network learns in turn, as it did the annotation.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from gpu_worker.engine import Analysis, Engine, Options, Task
from training.litbank import Novel

_TASKS = frozenset({Task.ENTITY, Task.QUOTE, Task.COREF})


def read_on(pack: Path, novels: Sequence[Novel], report: Callable[[str], None]) -> Iterator[Novel]:
    """Yield what follows each novel's annotated words, with mentions, quotes and speakers as `pack` finds them."""
    engine = Engine.load(pack)
    for novel in novels:
        if novel.rest.strip():
            analysis = engine.analyze(novel.rest, Options(tasks=_TASKS))
            report(f"{novel.name}: {len(analysis.quotes)} quotes in the {len(analysis.tokens)} words that follow")
            yield _novel(novel.name, analysis)


def _novel(name: str, analysis: Analysis) -> Novel:
    entities = [str(ref) for ref in analysis.refs]
    return Novel(
        name,
        list(analysis.tokens),
        list(analysis.tagging.mentions),
        entities,
        frozenset(),
        list(analysis.quotes),
        [None if speaker is None else entities[speaker] for speaker in analysis.speakers],
        aligned=1.0,
    )
