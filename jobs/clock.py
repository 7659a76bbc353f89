"""Time as the rest of the code sees it: passed in, so that tests own it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

from pydantic import PlainSerializer

#: Tells the current time, in UTC.
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the current time in UTC, in whole milliseconds as records keep it; the clock of all but tests."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def isoformat(at: datetime) -> str:
    """Return the time as ISO 8601 with milliseconds and `Z`: fixed width, so that text order is time order."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


#: A time that is written by `isoformat` wherever it is serialised.
Instant = Annotated[datetime, PlainSerializer(isoformat, return_type=str)]
