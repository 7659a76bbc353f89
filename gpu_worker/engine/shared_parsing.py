"""Passages parsed by whoever is free: this process, and others beside it.

A thread for each of the other processes hands it the next passage and waits for its parse; meanwhile this process
takes passages itself. Nobody waits for a slower one but at the end.
"""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING

from gpu_worker.engine.syntax import Parse, parse_passage

if TYPE_CHECKING:
    from spacy.language import Language

    from gpu_worker.engine.parser_process import Answer, ParserProcess

#: From this many passages on another process is worth its start: it takes as long as five of them.
WORTH_A_PROCESS = 12
#: How often one that loads is asked whether there is still something to do, in seconds.
_PATIENCE = 0.2

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

    def arrived(self, *, wait: bool) -> "Iterator[tuple[int, Answer | None]]":
        """Yield the answers that are here; `wait` for the first of them."""
        if wait:
            yield self.answers.get()
        while not self.answers.empty():
            yield self.answers.get()

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
) -> Generator[Parse, None, None]:
    """Yield the parses of `passages` in their order; few passages are not shared. To be closed when given up."""
    work = _Work(passages, deque(range(len(passages))))
    parses: dict[int, Parse] = {}
    asked = others if len(passages) >= WORTH_A_PROCESS else ()
    with ThreadPoolExecutor(len(asked) or 1) as pool:
        try:
            threads = [pool.submit(work.do_in, process) for process in asked]
            for number in range(len(passages)):
                while number not in parses:
                    own = work.take()
                    if own is not None:
                        parses[own] = parse_passage(nlp, *passages[own])
                    for other, answer in work.arrived(wait=own is None):
                        if answer is not None:
                            parses[other] = _known(nlp, *answer)
                yield parses.pop(number)
            for thread in threads:
                thread.result()
        finally:
            work.todo.clear()


def _known(nlp: "Language", parse: Parse, strings: Sequence[str]) -> Parse:
    """Return another process's parse; from here on `nlp` can spell its strings out."""
    for string in strings:
        nlp.vocab.strings.add(string)
    return parse
