from dataclasses import replace
from pathlib import Path

from tests.unit.training import tiny
from training.self_training import read_on

PACK = Path("gpu_worker/packs/mini")
TALK = "“Where have you been?” said Anna to Robert.\n\n“In the garden,” said Robert.\n\n“Alone?”\n\n“Alone.”\n"


def test_what_follows_a_novels_annotated_words_is_read_with_its_speakers() -> None:
    told: list[str] = []
    (found,) = read_on(PACK, [replace(tiny.novel(), rest=TALK), tiny.novel()], told.append)
    assert [found.tokens[quote.start].word for quote in found.quotes] == ["“"] * 4
    anna, robert = (
        next(entity for mention, entity in zip(found.mentions, found.entities, strict=True) if mention.text == name)
        for name in ("Anna", "Robert")
    )
    assert found.speakers == [anna, robert, anna, robert]
    assert len(told) == 1
