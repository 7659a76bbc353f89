"""An engine that does what its text says, for tests of the real child process without a model.

The text is JSON, made by `script`. The engine spends the seconds evenly on three stages, checkpoints each, and finds
`word` once. `do` names what happens in the middle of the second stage: `crash`, `hang`, `raise` or `refuse`. The
stages whose checkpoint was there are the result's `events`.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gpu_worker.engine import Cancelled, Options, PackError, Progress, Stage, UnreadableText
from gpu_worker.engine.checkpoints import Checkpoints
from jobs.documents import FILES

LOADER = "tests.scripted_engine:load"

STAGES = (Stage.TOKENS, Stage.TAGGING, Stage.QUOTES)

#: How often the engine looks whether to stop, in seconds.
STEP = 0.05


def script(*, seconds: float = 0.0, word: str = "fog", do: str | None = None) -> str:
    """Return a text that makes the engine do this."""
    return json.dumps({"seconds": seconds, "word": word, "do": do})


@dataclass(frozen=True)
class ScriptedPack:
    """A pack without weights."""

    name: str = "mini"
    version: str = "0.0.1"
    digest: str = "none"
    device: str = "cpu"


@dataclass(frozen=True)
class ScriptedAnalysis:
    """What the script found: its word, once, and which stages were resumed."""

    word: str
    resumed: Sequence[Stage]
    token_count: int = 1

    def files(self) -> Mapping[str, str]:
        return {name: f"{name} of {self.word}\n" for name in FILES}

    def sections(self) -> Mapping[str, Iterable[object]]:
        tokens = ({"token_ID_within_document": index, "word": self.word} for index in range(self.token_count))
        nothing: tuple[object, ...] = ()
        return {
            "tokens": tokens,
            "entities": nothing,
            "quotes": nothing,
            "characters": nothing,
            "events": self.resumed,
            "supersenses": nothing,
        }


class ScriptedEngine:
    """Plays the script that its text is."""

    pack = ScriptedPack()

    def analyze(
        self,
        text: str,
        options: Options,  # noqa: ARG002 - the signature is the engine's
        *,
        on_progress: Callable[[Progress], None],
        checkpoints: Checkpoints,
        cancelled: Callable[[], bool],
    ) -> ScriptedAnalysis:
        part = json.loads(text)
        resumed = []
        pause = part["seconds"] / len(STAGES) / 2
        for number, stage in enumerate(STAGES):
            if checkpoints.load(stage) is not None:
                resumed.append(stage)
                continue
            on_progress(Progress(stage, number / len(STAGES), part["seconds"]))
            _work(pause, cancelled)
            if stage == STAGES[1]:
                _misbehave(part["do"])
            _work(pause, cancelled)
            checkpoints.save(stage, stage.encode())
        return ScriptedAnalysis(part["word"], resumed)


def _work(seconds: float, cancelled: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while True:
        if cancelled():
            raise Cancelled
        if time.monotonic() >= end:
            return
        time.sleep(STEP)


def _misbehave(how: str | None) -> None:
    match how:
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "hang":
            time.sleep(3600)
        case "raise":
            raise IndexError("list index out of range")
        case "refuse":
            raise UnreadableText("the text holds no word")


def load(pack_folder: Path) -> ScriptedEngine:
    """Return the engine; a folder with a file `damaged` is no pack."""
    if (pack_folder / "damaged").exists():
        raise PackError("/secret/path is damaged")
    return ScriptedEngine()
