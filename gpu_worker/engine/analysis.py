"""What the engine makes of a text: the output of all stages under one roof."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gpu_worker.engine import book_html, files
from gpu_worker.engine.characters import Character
from gpu_worker.engine.document import Quote, Tagging, Task, Token
from gpu_worker.engine.files import Field, Row
from gpu_worker.engine.options import Options


@dataclass(frozen=True, slots=True)
class Analysis:
    """A text's analysis; what was not asked for is empty."""

    text: str
    options: Options
    tokens: Sequence[Token]
    tagging: Tagging
    quotes: Sequence[Quote]
    #: For each quote the index of the mention that speaks it, None where none was found.
    speakers: Sequence[int | None]
    #: For each mention its cluster; -1 where coreference was not asked for and names do not tell.
    refs: Sequence[int]
    characters: Sequence[Character]

    @property
    def token_count(self) -> int:
        """How many tokens the text has."""
        return len(self.tokens)

    def files(self) -> Mapping[str, str]:
        """Return BookNLP's files by the ends of their names; each is made when it is asked for."""
        tasks = self.options.tasks
        made: dict[str, Callable[[], str]] = {"tokens": self._tokens_file}
        if Task.ENTITY in tasks:
            made["entities"] = self._entities_file
        if Task.SUPERSENSE in tasks:
            made["supersense"] = self._supersense_file
        if Task.QUOTE in tasks:
            made["quotes"] = self._quotes_file
        if Task.COREF in tasks:
            made |= {"book": self._book_file, "book.html": self._page}
        return _Lazy(made)

    def sections(self) -> Mapping[str, Iterator[Mapping[str, Any]]]:
        """Return the document's parts, each to be read once, so that a long text's items never all exist."""
        return {
            "tokens": files.items(files.TOKEN_COLUMNS, self._token_rows()),
            "entities": files.items(files.ENTITY_COLUMNS, self._entity_rows()),
            "quotes": files.items(files.QUOTE_COLUMNS, self._quote_rows()),
            "characters": iter(self.characters),
            "events": self._events(),
            "supersenses": files.items(files.SUPERSENSE_COLUMNS, self._supersense_rows()),
        }

    def document(self) -> dict[str, list[Mapping[str, Any]]]:
        """Return the whole analysis as JSON-like data, with the columns of BookNLP's files as keys."""
        return {name: list(items) for name, items in self.sections().items()}

    def _tokens_file(self) -> str:
        return self._table(files.TOKEN_COLUMNS, self._token_rows())

    def _entities_file(self) -> str:
        return self._table(files.ENTITY_COLUMNS, self._entity_rows())

    def _supersense_file(self) -> str:
        return self._table(files.SUPERSENSE_COLUMNS, self._supersense_rows())

    def _quotes_file(self) -> str:
        return self._table(files.QUOTE_COLUMNS, self._quote_rows())

    def _book_file(self) -> str:
        return files.book(self.characters)

    def _page(self) -> str:
        return book_html.render(
            self.tokens,
            self.tagging.mentions,
            self.refs,
            self.quotes,
            self.speakers,
            self.characters,
            compat=self.options.compat,
        )

    def _table(self, columns: Sequence[str], rows: Iterable[Row]) -> str:
        return files.table(columns, rows, compat=self.options.compat)

    def _token_rows(self) -> Iterator[Row]:
        onsets = [token.onset for token in self.tokens]
        offsets = [token.offset for token in self.tokens]
        if not self.options.compat:
            bytes_before = _bytes_before(self.text)
            onsets, offsets = bytes_before[onsets].tolist(), bytes_before[offsets].tolist()
        return files.token_rows(self.tokens, onsets, offsets, self.tagging.events)

    def _entity_rows(self) -> Iterator[Row]:
        return files.entity_rows(self.tagging.mentions, self.refs)

    def _quote_rows(self) -> Iterator[Row]:
        if Task.QUOTE not in self.options.tasks:
            return iter(())
        return files.quote_rows(self.quotes, self.speakers, self.tagging.mentions, self.refs, self.tokens)

    def _supersense_rows(self) -> Iterator[Row]:
        return files.supersense_rows(self.tagging.supersenses)

    def _events(self) -> Iterator[Mapping[str, Field]]:
        for token in (self.tokens[number] for number in sorted(self.tagging.events)):
            yield {"token_ID_within_document": token.id, "word": token.word, "lemma": token.lemma}


class _Lazy(Mapping[str, str]):
    """Texts by name, each made anew when it is asked for."""

    def __init__(self, makers: Mapping[str, Callable[[], str]]) -> None:
        self._makers = makers

    def __getitem__(self, name: str) -> str:
        return self._makers[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


def _bytes_before(text: str) -> npt.NDArray[np.int64]:
    """Return for each character, and for the end, its offset in the text's UTF-8 form."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    widths = 1 + (points > 0x7F) + (points > 0x7FF).astype(np.int64) + (points > 0xFFFF)
    return np.concatenate(([0], np.cumsum(widths)))
