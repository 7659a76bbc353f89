"""spaCy in a process of its own, for spaCy keeps to one core and there are more.

`SecondParser` starts `python -m gpu_worker.engine.second_parser`, which loads spaCy and then answers passages over a
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
from typing import TYPE_CHECKING

import numpy as np

from gpu_worker.engine import syntax
from gpu_worker.engine.syntax import Parse

if TYPE_CHECKING:
    from spacy.language import Language

#: A parse, and the strings that its hashes stand for.
_Answer = tuple[Parse, list[str]]


class SecondParser:
    """The second process, as the first one sees it. It is started once and serves any number of texts.

    It may be missing at any time, while it loads or because it was killed; then the first process parses alone.
    """

    def __init__(self) -> None:
        self._pipe: Connection | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ending: weakref.finalize[[Connection, subprocess.Popen[bytes]], SecondParser] | None = None
        self._is_ready = False
        #: Whether an answer is still to come.
        self._is_asked = False

    def start(self) -> None:
        """Start the process unless it runs or has no core to run on. Returns at once; spaCy takes seconds to load."""
        if self._pipe is not None or len(os.sched_getaffinity(0)) == 1:
            return
        self._pipe, theirs = Pipe()
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", __name__, str(theirs.fileno())], stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
        )
        theirs.close()
        self._ending = weakref.finalize(self, _end, self._pipe, self._process)

    def ask(self, passage: str, begin: int) -> bool:
        """Hand over a passage, to be parsed meanwhile; tell whether it was taken."""
        if self._pipe is None:
            return False
        try:
            if self._is_asked:  # by a run that was stopped before it took the answer
                self._receive(self._pipe)
            if not self._is_ready and self._pipe.poll():
                self._is_ready = self._pipe.recv()
            if self._is_ready:
                self._pipe.send((passage, begin))
                self._is_asked = True
        except (EOFError, OSError):
            self._forget()
        return self._is_asked

    def answer(self, nlp: "Language") -> Parse | None:
        """Wait for the parse of the passage that was taken; None where the process is gone."""
        try:
            parse, strings = self._receive(self._pipe) if self._pipe is not None else (None, [])
        except (EOFError, OSError):
            self._forget()
            return None
        for string in strings:
            nlp.vocab.strings.add(string)
        return parse

    def _receive(self, pipe: Connection) -> _Answer:
        answer: _Answer = pipe.recv()
        self._is_asked = False
        return answer

    def _forget(self) -> None:
        """Parse alone from here on, until the process is started anew."""
        if self._ending is not None:
            self._ending()
        self._pipe, self._is_ready, self._is_asked = None, False, False


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
