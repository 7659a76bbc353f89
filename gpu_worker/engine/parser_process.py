"""spaCy in processes of their own, for spaCy keeps to one core and there are more.

A `ParserProcess` runs `python -m gpu_worker.engine.parser_process`, which loads spaCy and then answers passages over a
pipe. It ends when the pipe does, and so with the process that started it, however that ends.
"""

import contextlib
import os
import signal
import subprocess
import sys
import weakref
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import numpy as np

from gpu_worker.engine import syntax
from gpu_worker.engine.syntax import Parse

#: Processes beside the first, at most: each takes half a gigabyte, and with more of them other stages are the longer.
_MOST = 3

#: A parse, and the strings that its hashes stand for.
Answer = tuple[Parse, list[str]]


def start() -> "list[ParserProcess]":
    """Start a process for each core that the first leaves idle. Returns at once; spaCy takes seconds to load."""
    processes = [ParserProcess() for _ in range(min(cores() - 1, _MOST))]
    for process in processes:
        process.start()
    return processes


def cores() -> int:
    """Return how many cores this process may use, as far as the system tells."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class ParserProcess:
    """Another process that parses, as the first one sees it; it serves any number of texts, one thread at a time.

    It may be missing at any time, while it loads or because it was killed; then others parse what it would have.
    """

    def __init__(self) -> None:
        self._pipe: Connection | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ending: weakref.finalize[[Connection, subprocess.Popen[bytes]], ParserProcess] | None = None
        self._is_ready = False

    def start(self) -> None:
        """Start the process unless it runs, or the system has none to give."""
        if self._pipe is not None:
            return
        ours, theirs = Pipe()
        python = [sys.executable, *(["-P"] if sys.flags.safe_path else [])]
        command = [*python, "-m", __name__, str(theirs.fileno())]
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])  # noqa: S603 - ours
        except OSError:
            ours.close()
            return
        finally:
            theirs.close()
        self._pipe, self._process = ours, process
        self._ending = weakref.finalize(self, _end, ours, process)

    def is_loading(self, patience: float) -> bool:
        """Tell whether the process still loads spaCy after at most `patience` seconds; not where it is gone."""
        if self._pipe is None or self._is_ready:
            return False
        try:
            self._is_ready = self._pipe.poll(patience) and self._pipe.recv()
        except (EOFError, OSError):
            self._forget()
            return False
        return not self._is_ready

    def parse(self, passage: str, begin: int) -> Answer | None:
        """Return the parse of a passage that begins at character `begin` of its text; None where the process is gone.

        It must have been loaded.
        """
        if self._pipe is None:
            return None
        try:
            self._pipe.send((passage, begin))
            answer: Answer = self._pipe.recv()
        except (EOFError, OSError):
            self._forget()
            return None
        return answer

    def kill(self) -> None:
        """End the process, whatever it does. A thread that waits for its answer has none, and one may start it anew."""
        if self._process is not None:
            self._process.kill()

    def _forget(self) -> None:
        """Be without a process until it is started anew."""
        if self._ending is not None:
            self._ending()
        self._pipe, self._is_ready = None, False


def _end(pipe: Connection, process: subprocess.Popen[bytes]) -> None:
    pipe.close()
    process.kill()
    process.wait()


def main(descriptor: int) -> None:
    """Parse what comes over the pipe until it ends."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # Ctrl-C reaches every process of a terminal, but the first process decides when this one ends.
        signal.signal(number, signal.SIG_IGN)
    from gpu_worker.engine.spacy_ops import on_one_core  # here, for the first process imports this module without torch

    pipe = Connection(descriptor)
    nlp = syntax.load()
    with on_one_core(), contextlib.suppress(EOFError, OSError):
        pipe.send(True)
        while True:
            passage, begin = pipe.recv()
            with nlp.memory_zone():
                parse = syntax.parse_passage(nlp, passage, begin)
                strings = [nlp.vocab.strings[number] for number in np.unique(parse.strings).tolist()]
            pipe.send((parse, strings))


if __name__ == "__main__":
    main(int(sys.argv[1]))
