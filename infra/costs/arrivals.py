"""When books come in, and how long each of them is: patterns by a seed, or a file."""

import csv
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import count
from pathlib import Path

from infra.costs.errors import InvalidArrivals
from infra.costs.simulation import Arrival

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Books:
    """How long books are, and how fast they are read."""

    #: The average length, in BookNLP's tokens (words and punctuation marks).
    tokens: float
    #: The lengths' standard deviation over their average; 0 for books of one length.
    spread: float
    tokens_per_second: float
    #: Seconds that any book takes beside its tokens: fetching, storing, publishing.
    overhead: float

    def work(self, tokens: float) -> float:
        """Return the seconds that a book of that length takes."""
        return self.overhead + tokens / self.tokens_per_second

    def lengths(self, number: int, seed: int) -> list[float]:
        """Return so many lengths, log-normal as the lengths of novels are, whose average is exact."""
        if self.spread == 0 or number == 0:
            return [self.tokens] * number
        variance = math.log1p(self.spread**2)
        dice = random.Random(f"lengths {seed}")
        drawn = [dice.lognormvariate(-variance / 2, math.sqrt(variance)) for _ in range(number)]
        scale = self.tokens * number / math.fsum(drawn)
        return [length * scale for length in drawn]


class Pattern(StrEnum):
    """How arrivals are spread over time."""

    #: Each by itself, at any time: a Poisson process.
    POISSON = "poisson"
    #: At equal distances.
    EVEN = "even"
    #: Several at once, each time by itself.
    BURSTS = "bursts"


def times(pattern: Pattern, number: int, seconds: float, seed: int, burst: int = 1) -> list[float]:
    """Return so many times within so many seconds, in order; `burst` books come at once in bursts."""
    dice = random.Random(f"times {seed}")
    match pattern:
        case Pattern.EVEN:
            return [seconds * place / number for place in range(number)]
        case Pattern.POISSON:
            return sorted(dice.uniform(0, seconds) for _ in range(number))
        case Pattern.BURSTS:
            moments = sorted(dice.uniform(0, seconds) for _ in range(math.ceil(number / burst)))
            return [moments[place // burst] for place in range(number)]


def arrivals(moments: Sequence[float], books: Books, seed: int) -> list[Arrival]:
    """Return a book for each of the times."""
    lengths = books.lengths(len(moments), seed)
    return [Arrival(at, books.work(tokens)) for at, tokens in zip(moments, lengths, strict=True)]


def read(path: Path, books: Books, seed: int) -> list[Arrival]:
    """Return the arrivals of a file, in order, the first at 0: `time[,tokens]` a line.

    A time is a number of seconds, or a date and time in ISO 8601. Lengths that are not given are drawn. Raises
    InvalidArrivals.
    """
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidArrivals(f"The arrivals in {path} cannot be read: {error}.") from error
    rows = list(_rows(path, lines))
    if not rows:
        raise InvalidArrivals(
            f"{path} names no arrival. Each line is a time in seconds or ISO 8601: `90` or `90,120000`."
        )
    drawn, first = books.lengths(len(rows), seed), min(at for at, _ in rows)
    found = [
        Arrival(at - first, books.work(drawn[place] if tokens is None else tokens))
        for place, (at, tokens) in enumerate(rows)
    ]
    return sorted(found, key=lambda arrival: arrival.at)


def _rows(path: Path, lines: Sequence[Sequence[str]]) -> Iterator[tuple[float, float | None]]:
    for number, line in zip(count(1), lines, strict=False):
        if not line or line[0].lstrip().startswith("#"):
            continue
        try:
            time, tokens = _time(line[0].strip()), float(line[1]) if len(line) > 1 and line[1].strip() else None
        except ValueError as error:
            raise InvalidArrivals(
                f"{path}, line {number}: {','.join(line)!r} is no arrival. Write seconds or an ISO 8601 time, and the "
                "tokens behind a comma if you know them: `90` or `2026-01-20T10:00:00Z,120000`."
            ) from error
        if not (math.isfinite(time) and (tokens is None or 0 <= tokens < math.inf)):
            raise InvalidArrivals(f"{path}, line {number}: a time must be finite, and tokens 0 or more.")
        yield time, tokens


def _time(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return datetime.fromisoformat(text).timestamp()
