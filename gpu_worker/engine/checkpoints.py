"""Each stage's output as bytes and back, so that a run may go on where another one stopped.

The bytes are gzipped JSON, rows of a kind as columns. They name the stage, the format's version and a key of what
made them; bytes that say otherwise, or are damaged, are no checkpoint.
"""

import gzip
import json
import logging
import zlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, Generic, Protocol, TypeVar

from gpu_worker.engine.characters import Character
from gpu_worker.engine.document import Mention, Quote, ReferentialGender, Stage, Supersense, Tagging, Token

_LOGGER = logging.getLogger(__name__)

#: Raised whenever a stage's output changes its form or its meaning.
VERSION = 5

#: Fast rather than small: checkpoints live for minutes.
_GZIP_LEVEL = 1

Output = TypeVar("Output")


class Checkpoints(Protocol):
    """Where a caller keeps the output of finished stages."""

    def load(self, stage: Stage) -> bytes | None:
        """Return what was saved of the stage, or None."""
        ...

    def save(self, stage: Stage, state: bytes) -> None:
        """Keep the stage's output."""
        ...


@dataclass(frozen=True, slots=True)
class NamesFound:
    """What the stage of names finds."""

    #: For each mention its cluster, -1 where names do not tell.
    refs: list[int]
    genders: dict[int, ReferentialGender]


@dataclass(frozen=True, slots=True)
class SpeakersFound:
    """What the stage of speakers finds."""

    #: For each quote the index of the mention that speaks it, None where nobody can be named.
    speakers: list[int | None]
    #: For each mention its cluster as far as it is known now: that of names, and where who speaks was decided together
    #: with whom narration means, that of all narration.
    refs: list[int]


@dataclass(frozen=True, slots=True)
class Codec(Generic[Output]):
    """How one stage's output is put into JSON and taken out."""

    stage: Stage
    encode: Callable[[Output], Any]
    decode: Callable[[Any], Output]

    def dump(self, output: Output, key: str) -> bytes:
        """Return the bytes of a stage's output; the same output gives the same bytes."""
        state = {"version": VERSION, "stage": self.stage, "key": key, "output": self.encode(output)}
        return gzip.compress(json.dumps(state, separators=(",", ":")).encode(), _GZIP_LEVEL, mtime=0)

    def load(self, state: bytes, key: str) -> Output | None:
        """Return the output that `dump` made bytes of, None where they are not this stage's or not whole."""
        try:
            content = json.loads(gzip.decompress(state))
            found = content["version"], content["stage"], content["key"]
            if found == (VERSION, self.stage, key):
                return self.decode(content["output"])
        except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as damage:
            _LOGGER.warning("the checkpoint of stage %s is damaged: %s", self.stage, damage)
            return None
        _LOGGER.warning("the checkpoint of stage %s was made of something else", self.stage)
        return None


Row = TypeVar("Row", Token, Mention, Supersense, Quote)


def _columns(kind: type[Row], rows: Iterable[Row]) -> dict[str, list[Any]]:
    listed = list(rows)
    return {field.name: [getattr(row, field.name) for row in listed] for field in fields(kind)}


def _rows(kind: type[Row], columns: dict[str, list[Any]]) -> list[Row]:
    ordered = [columns[field.name] for field in fields(kind)]
    return [kind(*values) for values in zip(*ordered, strict=True)]


def _encode_tagging(tagging: Tagging) -> Any:
    return {
        "mentions": _columns(Mention, tagging.mentions),
        "supersenses": _columns(Supersense, tagging.supersenses),
        "events": sorted(tagging.events),
    }


def _decode_tagging(state: Any) -> Tagging:
    return Tagging(
        _rows(Mention, state["mentions"]),
        _rows(Supersense, state["supersenses"]),
        frozenset(state["events"]),
    )


def _encode_names(found: NamesFound) -> Any:
    return {"refs": found.refs, "genders": [[ref, asdict(gender)] for ref, gender in found.genders.items()]}


def _decode_names(state: Any) -> NamesFound:
    return NamesFound(state["refs"], {ref: ReferentialGender(**gender) for ref, gender in state["genders"]})


TOKENS: Codec[list[Token]] = Codec(
    Stage.TOKENS, lambda tokens: _columns(Token, tokens), lambda state: _rows(Token, state)
)
TAGGING: Codec[Tagging] = Codec(Stage.TAGGING, _encode_tagging, _decode_tagging)
QUOTES: Codec[list[Quote]] = Codec(
    Stage.QUOTES, lambda quotes: _columns(Quote, quotes), lambda state: _rows(Quote, state)
)
SPEAKERS: Codec[SpeakersFound] = Codec(
    Stage.SPEAKERS, asdict, lambda state: SpeakersFound(state["speakers"], state["refs"])
)
NAMES: Codec[NamesFound] = Codec(Stage.NAMES, _encode_names, _decode_names)
COREFERENCE: Codec[list[int]] = Codec(Stage.COREFERENCE, list, list)
CHARACTERS: Codec[list[Character]] = Codec(Stage.CHARACTERS, list, list)
