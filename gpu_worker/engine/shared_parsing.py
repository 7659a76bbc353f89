"""Passages parsed by whoever is free: this process, and others beside it.

A thread for each of the other processes hands it the next passage and waits for its parse; meanwhile this process
takes passages itself. Nobody waits for a slower one but at the end.
"""

from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from gpu_worker.engine.syntax import Parse, parse_passage

if TYPE_CHECKING:
    from spacy.language import Language

    from gpu_worker.engine.parser_process import Answer, ParserProcess

#: From this many passages on another process is worth its start: it takes as long as five of them.
WORTH_A_PROCESS = 12
#: How often whoever waits looks whether there is still something to wait for, in seconds.
_PATIENCE = 0.2
#: How long a process may take to the end of its passage once the text is given up, in seconds.
_LAST_PASSAGE = 1.0

#: Words of a text, and the character at which they begin in it.
Passage = tuple[str, int]


@dataclass(frozen=True, slots=True)
class _Work:
    """What is to be parsed, by number, and what has been parsed elsewhere."""

    passages: Sequence[Passage]
    todo: deque[int]
    #: None where a process was lost; its passage is to do again.
    answers: "SimpleQueue[tuple[int, Answer | None]]" = field(default_factory=SimpleQueue)

    def take(self) -> int | None:
        """Return the next passage to parse, None where all are taken."""
        try:
            return self.todo.popleft()
        except IndexError:
            return None

    def arrived(self, patience: float) -> "Iterator[tuple[int, Answer | None]]":
        """Yield the answers that are here, after at most `patience` seconds for the first of them."""
        try:
            yield self.answers.get(timeout=patience)
            while True:
                yield self.answers.get_nowait()
        except Empty:
            return

    def do_in(self, process: "ParserProcess") -> None:
        """Let `process` parse until nothing is to do or it is gone."""
        process.start()
        while self.todo and process.is_loading(_PATIENCE):
            pass
        while (number := self.take()) is not None:
            answer = None
            try:
                answer = process.parse(*self.passages[number])
            finally:
                if answer is None:
                    self.todo.appendleft(number)
                self.answers.put((number, answer))
            if answer is None:
                return


def parse_all(
    nlp: "Language", passages: Sequence[Passage], others: "Sequence[ParserProcess]"
) -> Generator[Parse | None, None, None]:
    """Yield the parses of `passages` in their order, and None whenever the next is still to come.

    Few passages are not shared. To be closed when given up: a process that does not come to the end of its passage is
    ended then.
    """
    work = _Work(passages, deque(range(len(passages))))
    parses: dict[int, Parse] = {}
    asked = others if len(passages) >= WORTH_A_PROCESS else ()
    with ThreadPoolExecutor(len(asked) or 1) as pool:
        threads = {pool.submit(work.do_in, process): process for process in asked}
        try:
            for number in range(len(passages)):
                while number not in parses:
                    own = work.take()
                    if own is not None:
                        parses[own] = parse_passage(nlp, *passages[own])
                    for other, answer in work.arrived(0 if own is not None else _PATIENCE):
                        if answer is not None:
                            parses[other] = _known(nlp, *answer)
                    if number not in parses:
                        yield None
                yield parses.pop(number)
        finally:
            work.todo.clear()
            _end_late(threads)
    for thread in threads:
        thread.result()


def _end_late(threads: "Mapping[Future[None], ParserProcess]") -> None:
    """See that each thread ends, if need be by ending the process that it waits for."""
    for thread in wait(threads, _LAST_PASSAGE).not_done:
        threads[thread].kill()


def _known(nlp: "Language", parse: Parse, strings: Sequence[str]) -> Parse:
    """Return another process's parse; from here on `nlp` can spell its strings out."""
    for string in strings:
        nlp.vocab.strings.add(string)
    return parse
