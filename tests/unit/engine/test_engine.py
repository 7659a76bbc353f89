import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from gpu_worker.engine import Analysis, Cancelled, Engine, EngineError, Options, Progress, Stage, Task, UnreadableText
from gpu_worker.engine.progress import stages_of

TEXT = (Path(__file__).parents[2] / "parity/texts/first_person.txt").read_text(encoding="utf-8")


class Kept:
    """Checkpoints in memory."""

    def __init__(self, states: dict[Stage, bytes] | None = None) -> None:
        self.states = states or {}
        self.loaded: list[Stage] = []

    def load(self, stage: Stage) -> bytes | None:
        self.loaded.append(stage)
        return self.states.get(stage)

    def save(self, stage: Stage, state: bytes) -> None:
        self.states[stage] = state


@pytest.fixture(scope="module")
def unbroken(engine: Engine) -> tuple[dict[str, str], dict[Stage, bytes]]:
    kept = Kept()
    return dict(engine.analyze(TEXT, checkpoints=kept).files()), kept.states


def test_importing_the_engine_imports_neither_torch_nor_spacy() -> None:
    code = (
        "import sys; from gpu_worker.engine import Analysis, Engine, Options, Stage, Task; "
        "sys.exit(not sys.modules.keys().isdisjoint({'torch', 'spacy', 'booknlp', 'transformers'}))"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


@pytest.mark.parametrize("last", list(Stage))
def test_a_run_resumed_after_any_stage_gives_the_bytes_of_an_unbroken_one(
    engine: Engine, unbroken: tuple[dict[str, str], dict[Stage, bytes]], last: Stage
) -> None:
    files, states = unbroken
    stages = list(Stage)
    finished = stages[: stages.index(last) + 1]
    kept = Kept({stage: states[stage] for stage in finished})
    heard: list[Progress] = []
    assert dict(engine.analyze(TEXT, checkpoints=kept, on_progress=heard.append).files()) == files
    assert kept.states == states
    assert heard[-1].fraction == pytest.approx(1)


def test_a_checkpoint_of_another_text_is_not_used(
    engine: Engine, unbroken: tuple[dict[str, str], dict[Stage, bytes]]
) -> None:
    other = engine.analyze("Ann went home.", checkpoints=Kept(dict(unbroken[1])))
    assert [token.word for token in other.tokens] == ["Ann", "went", "home", "."]


def test_progress_names_the_stages_in_order_and_moves_within_the_first(engine: Engine) -> None:
    heard: list[Progress] = []
    engine.analyze(TEXT * 12, Options(tasks=frozenset({Task.ENTITY})), on_progress=heard.append)
    stages = list(dict.fromkeys(progress.stage for progress in heard))
    assert stages == stages_of(frozenset({Task.ENTITY}))
    assert len({progress.fraction for progress in heard if progress.stage is Stage.TOKENS}) > 2


@pytest.mark.parametrize("stage", [Stage.TOKENS, Stage.TAGGING, Stage.COREFERENCE])
def test_a_stop_is_obeyed_the_first_time_it_is_asked_for(engine: Engine, stage: Stage) -> None:
    wanted: list[bool] = []
    asked = 0

    def on_progress(progress: Progress) -> None:
        if progress.stage is stage:
            wanted.append(True)

    def cancelled() -> bool:
        nonlocal asked
        asked += bool(wanted)
        return bool(wanted)

    with pytest.raises(Cancelled):
        engine.analyze(TEXT, on_progress=on_progress, cancelled=cancelled)
    assert asked == 1


def test_the_long_stages_ask_for_a_stop_every_two_thousand_words(engine: Engine) -> None:
    # What takes two seconds differs from machine to machine; how many words lie between two looks does not.
    now, looks = Stage.TOKENS, Counter[Stage]()

    def on_progress(progress: Progress) -> None:
        nonlocal now
        now = progress.stage

    def cancelled() -> bool:
        looks[now] += 1
        return False

    words = engine.analyze(TEXT * 10, on_progress=on_progress, cancelled=cancelled).token_count
    assert words > 4_000
    for stage in (Stage.TOKENS, Stage.TAGGING, Stage.SPEAKERS, Stage.COREFERENCE):
        assert looks[stage] >= words / 2_000, stage


def test_a_text_from_another_thread_waits_until_the_one_before_it_is_read(engine: Engine) -> None:
    heard: list[str] = []
    waiting: list[Future[Analysis]] = []
    with ThreadPoolExecutor(1) as pool:

        def on_progress(_: Progress) -> None:
            heard.append("first")
            if not waiting:
                waiting.append(pool.submit(engine.analyze, TEXT, on_progress=lambda _: heard.append("second")))

        first = engine.analyze(TEXT, on_progress=on_progress)
        assert dict(waiting[0].result().files()) == dict(first.files())
    assert heard == sorted(heard)


def test_a_fork_is_told_to_load_an_engine_of_its_own(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    own = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: own + 1)
    with pytest.raises(EngineError, match="load one in each process"):
        engine.analyze(TEXT)


def test_a_document_holds_what_was_asked_for_and_no_more(engine: Engine) -> None:
    document = engine.analyze(TEXT, Options(tasks=frozenset({Task.EVENT}))).document()
    assert document["tokens"]
    assert not any(document[part] for part in ("entities", "quotes", "characters", "supersenses"))


@pytest.mark.parametrize("text", ["", " \n\t "])
def test_a_text_without_a_word_is_refused(engine: Engine, text: str) -> None:
    with pytest.raises(UnreadableText):
        engine.analyze(text)


NASTY = {
    "only marks": "?!… -- ;;; ()[]{} “”‘’ ***",
    "one letter": "a",
    "one endless word": "a" * 100_000,
    "marks without a space": "(" * 2_000 + "." * 2_000,
    "an endless address": "http://" + "a.b/" * 2_000,
    "no space": "word." * 2_000,
    "emoji": "👩‍👩‍👧 said “👍🏽” to 🦊. " * 20,
    "right to left": "אמר לה: “בואי”. וقال لها تعالي. " * 20,
    "line ends of Windows": "“Come,” said Ann.\r\n\r\n“No,” said Bob.\r\n",
    "a byte order mark": "\ufeff“Come,” said Ann.",
    "zeros": "Ann\x00 said\x00 \x00 “No\x00”.",
    "lone surrogates": "Ann \ud800 said “\udfff”.",
    "unbalanced marks": "“Come, said Ann. “Go. ” ” “ ‘No’ said “Bob.\n\n" * 10,
    "nobody": "It rained. The rain fell on the stones and on the grass.\n\n“It rains.”\n\n" * 5,
    "nothing but quotes": "“Yes.”\n\n“No.”\n\n" * 50,
    "nested brackets": "Ann (who (as (Bob (said))) " * 50,
    "pieces of markers": "[CLS] [SEP] [QUOTE] [ALTQUOTE] [PAR] [CAP] [UNK] [PAD] “[QUOTE]” said [PAR].",
    "a word of markers": "Ann " + ("zq" * 50 + "[SEP]") * 9 + " said.",
    "more white space than spaCy takes": "Ann" + " " * 1_000_100 + "said.",
    "combining marks": "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞ said Ann. " * 20,
}


@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY.keys())
def test_nasty_texts_have_a_result(engine: Engine, text: str, compat: bool) -> None:
    analysis = engine.analyze(text, Options(compat=compat))
    files = analysis.files()
    assert analysis.token_count > 0
    for content in files.values():
        content.encode()
    if not compat:
        for name in ("tokens", "entities", "quotes", "supersense"):
            header, *rows = files[name].splitlines()
            assert {row.count("\t") for row in rows} <= {header.count("\t")}
