import time

import numpy as np
import pytest
from spacy.language import Language

from gpu_worker.engine import passages, syntax
from gpu_worker.engine.second_parser import SecondParser
from gpu_worker.engine.syntax import Parse

PASSAGE = "Miss Quill rang the bell. Nobody had asked her to. "


def alike(one: Parse, other: Parse) -> bool:
    return one.says_the_same_as(other) and np.array_equal(one.onsets, other.onsets)


def started(nlp: Language) -> SecondParser:
    """Return a second process that has loaded spaCy."""
    parser = SecondParser()
    parser.start()
    deadline = time.monotonic() + 60
    while not parser.ask(PASSAGE, 0):
        assert time.monotonic() < deadline, "the second process did not get ready"
        time.sleep(0.05)
    assert parser.answer(nlp) is not None
    return parser


@pytest.fixture(scope="module")
def second(nlp: Language) -> SecondParser:
    return started(nlp)


def test_the_second_process_parses_as_the_first_and_goes_on_after_a_stopped_run(
    nlp: Language, second: SecondParser
) -> None:
    assert second.ask("An answer that nobody takes, for the run was stopped.", 0)
    assert second.ask(PASSAGE, 7)
    parsed = second.answer(nlp)
    assert parsed is not None
    assert alike(parsed, syntax.parse_passage(nlp, PASSAGE, 7))


def test_words_that_only_the_second_process_met_are_known_to_the_first(nlp: Language, second: SecondParser) -> None:
    assert second.ask("Zqxwvy Bnmlkj", 0)
    parsed = second.answer(nlp)
    assert parsed is not None
    assert [nlp.vocab.strings[number] for number in parsed.strings[:, 0].tolist()] == ["Zqxwvy", "Bnmlkj"]


def test_a_text_shared_by_two_processes_reads_as_by_one(
    nlp: Language, second: SecondParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passages, "PASSAGE", 1_200)
    text = PASSAGE * 200
    alone = passages.parse(nlp, text, lambda _: None)
    assert alike(passages.parse(nlp, text, lambda _: None, second), alone)


def test_without_the_second_process_the_first_goes_on_alone(nlp: Language) -> None:
    second = started(nlp)
    assert second.ask(PASSAGE, 0)
    assert second._process is not None
    second._process.kill()
    text = PASSAGE * 2_000
    killed = second._process
    assert alike(passages.parse(nlp, text, lambda _: None, second), passages.parse(nlp, text, lambda _: None))
    assert killed.returncode is not None, "it is a zombie"
