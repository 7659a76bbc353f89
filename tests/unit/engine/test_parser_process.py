import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from spacy.language import Language

from gpu_worker.engine import parser_process, passages, shared_parsing, syntax
from gpu_worker.engine.parser_process import Answer, ParserProcess
from gpu_worker.engine.syntax import Parse

PASSAGE = "Miss Quill rang the bell. Nobody had asked her to. "
PASSAGES = [(f"Miss Quill rang the bell {number} times. ", 40 * number) for number in range(30)]


class InThisProcess(ParserProcess):
    """Answers as another process does, after something else has happened."""

    def __init__(self, nlp: Language, before: Callable[[int], None] = lambda _: None, answers: int = 1_000) -> None:
        super().__init__()
        self._nlp = nlp
        self._before = before
        self._left = answers
        self.begins: list[int] = []

    def start(self) -> None:
        """Nothing is to be started."""

    def parse(self, passage: str, begin: int) -> Answer | None:
        """Parse so many passages and be gone."""
        self._before(begin)
        if not self._left:
            return None
        self._left -= 1
        self.begins.append(begin)
        parse = syntax.parse_passage(self._nlp, passage, begin)
        return parse, [self._nlp.vocab.strings[number] for number in np.unique(parse.strings).tolist()]


def alike(one: Parse, other: Parse) -> bool:
    return one.says_the_same_as(other) and np.array_equal(one.onsets, other.onsets)


def parsed(nlp: Language, others: list[ParserProcess]) -> list[Parse]:
    return [parse for parse in shared_parsing.parse_all(nlp, PASSAGES, others) if parse is not None]


@pytest.fixture(scope="module")
def alone(nlp: Language) -> list[Parse]:
    return [syntax.parse_passage(nlp, *passage) for passage in PASSAGES]


def started() -> ParserProcess:
    """Return another process that has loaded spaCy."""
    process = ParserProcess()
    process.start()
    deadline = time.monotonic() + 60
    while process.is_loading(0.5):
        assert time.monotonic() < deadline, "the other process did not get ready"
    return process


@pytest.fixture(scope="module")
def other() -> ParserProcess:
    return started()


def test_words_that_only_another_process_met_can_be_spelt_out_by_the_first(nlp: Language, other: ParserProcess) -> None:
    answer = other.parse("Zqxwvy Bnmlkj", 7)
    assert answer is not None
    parse, strings = answer
    assert {"Zqxwvy", "Bnmlkj"} <= set(strings)
    assert parse.onsets.tolist() == [7, 14]
    known = shared_parsing._known(nlp, parse, strings)
    assert [nlp.vocab.strings[number] for number in known.strings[:, 0].tolist()] == ["Zqxwvy", "Bnmlkj"]


def test_a_text_shared_by_processes_reads_as_by_one(
    nlp: Language, other: ParserProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passages, "PASSAGE", 1_200)
    text = PASSAGE * 200
    shared = passages.parse(nlp, text, lambda _: None, [other])
    assert alike(shared, passages.parse(nlp, text, lambda _: None))


def test_a_process_that_is_killed_is_done_without_and_started_anew_for_the_next_text(
    nlp: Language, alone: list[Parse]
) -> None:
    process = started()
    killed = process._process
    assert killed is not None
    killed.kill()
    assert all(map(alike, parsed(nlp, [process]), alone))
    assert killed.returncode is not None, "it is a zombie"
    assert all(map(alike, parsed(nlp, [process]), alone))
    assert process._process is not killed


def test_any_number_of_processes_share_passages_that_still_come_in_order(nlp: Language, alone: list[Parse]) -> None:
    others = [InThisProcess(nlp, lambda _: time.sleep(0.001)) for _ in range(3)]
    assert all(map(alike, parsed(nlp, [*others]), alone))
    begins = [begin for other in others for begin in other.begins]
    assert begins
    assert len(begins) == len(set(begins)), "a passage was parsed twice"


def test_what_a_process_leaves_undone_is_done_by_another(nlp: Language, alone: list[Parse]) -> None:
    others: list[ParserProcess] = [InThisProcess(nlp, answers=number) for number in range(3)]
    assert all(map(alike, parsed(nlp, others), alone))


def test_a_process_that_hangs_is_heard_of_ended_with_the_text_and_started_anew_for_the_next(
    nlp: Language, alone: list[Parse]
) -> None:
    process = started()
    assert process._process is not None
    process._process.send_signal(signal.SIGSTOP)
    parses = shared_parsing.parse_all(nlp, PASSAGES, [process])
    assert None in parses, "whoever may want to stop has no word"
    parses.close()
    assert all(map(alike, parsed(nlp, [process]), alone))


def test_a_system_that_has_no_process_to_give_is_done_without(
    nlp: Language, alone: list[Parse], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError

    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert all(map(alike, parsed(nlp, [ParserProcess()]), alone))


def test_no_process_imports_what_lies_in_the_current_folder_of_one_that_must_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "thinc.py").write_text("raise SystemExit", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    program = (
        "from gpu_worker.engine.parser_process import ParserProcess\n"
        "process = ParserProcess()\n"
        "process.start()\n"
        "while process.is_loading(60): pass\n"
        "assert process.parse('Miss Quill rang.', 0)\n"
    )
    subprocess.run([sys.executable, "-P", "-c", program], check=True)


def test_an_error_in_a_thread_is_told_and_nobody_waits_for_its_passage(nlp: Language) -> None:
    def fail(_: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        parsed(nlp, [InThisProcess(nlp, fail)])


def test_a_reading_that_is_given_up_leaves_the_other_passages_undone(nlp: Language) -> None:
    other = InThisProcess(nlp)
    parses = shared_parsing.parse_all(nlp, PASSAGES * 20, [other])
    next(parses)
    parses.close()
    done = len(other.begins)
    assert done < 20 * len(PASSAGES)
    assert alike(parsed(nlp, [other])[3], syntax.parse_passage(nlp, *PASSAGES[3])), "the next text is read as ever"


def test_a_short_text_asks_no_other_process(nlp: Language) -> None:
    other = InThisProcess(nlp)
    few = PASSAGES[: shared_parsing.WORTH_A_PROCESS - 1]
    assert all(shared_parsing.parse_all(nlp, few, [other]))
    assert not other.begins


@pytest.mark.parametrize(("cores", "processes"), [(1, 0), (2, 1), (4, 3), (64, 3)])
def test_each_core_but_the_first_gets_a_process_up_to_three(
    monkeypatch: pytest.MonkeyPatch, cores: int, processes: int
) -> None:
    monkeypatch.setattr(parser_process, "cores", lambda: cores)
    monkeypatch.setattr(ParserProcess, "start", lambda _: None)
    assert len(parser_process.start()) == processes


def test_a_machine_has_a_core_whatever_the_system_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parser_process.cores() >= 1
    monkeypatch.setattr("sys.platform", "darwin")
    assert parser_process.cores() >= 1
