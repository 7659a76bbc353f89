"""How the command line says things: what a job is doing, spans of time, ranks, what the service says to do."""

import re
from typing import Final

from bookjob.models import Job, JobState

#: The engine's stages as a reader would say them.
_STAGES: Final = {
    "tokens": "Reading words and sentences",
    "tagging": "Finding people, places and events",
    "quotes": "Finding what is said",
    "speakers": "Working out who speaks",
    "names": "Gathering each character's names",
    "coreference": "Linking pronouns to characters",
    "characters": "Drawing the characters",
}

_STATES: Final = {
    JobState.COMPLETED: "Done",
    JobState.FAILED: "Failed",
    JobState.CANCELLED: "Cancelled",
    JobState.EXPIRED: "Expired",
}

#: The requests that the service names when it says what to do, and the commands that make them.
_COMMANDS: Final = (
    (re.compile(r"POST /v1/jobs/([\w-]+)/cancel"), r"`bookjob cancel \1`"),
    (re.compile(r"POST /v1/jobs\b"), "`bookjob run FILE`"),
    (re.compile(r"POST /v1/uploads\b"), "`bookjob upload FILE`"),
    (re.compile(r"GET /v1/webhooks/secret\b"), "`bookjob webhooks secret`"),
)


def in_commands(sentence: str) -> str:
    """Return a sentence with commands in the place of the requests that it names."""
    for request, command in _COMMANDS:
        sentence = request.sub(command, sentence)
    return sentence


def describe(job: Job) -> str:
    """Return what the job is doing now, in a few words for people."""
    if job.status is JobState.PENDING:
        return _waiting(job)
    if job.status is JobState.RUNNING:
        if job.stage is None:
            return "Starting"
        return _STAGES.get(job.stage, job.stage.replace("_", " ").capitalize())
    return _STATES[job.status]


def duration(seconds: float) -> str:
    """Return a span of time as people say it, at least a second: `42 s`, `3 min 5 s`, `2 h`, `1 h 20 min`."""
    whole = max(1, round(seconds))
    units = (("h", whole // 3600), ("min", whole // 60 % 60), ("s", whole % 60))
    # Nobody wants to know the seconds of an hour.
    parts = [f"{count} {unit}" for unit, count in units[: 2 if whole >= 3600 else 3] if count]
    return " ".join(parts)


def span(seconds: float) -> str:
    """Return a span of time by its largest unit alone: `42 s`, `3 min`, `1 h`."""
    return " ".join(duration(seconds).split()[:2])


def ordinal(number: int) -> str:
    """Return the number as a rank: `1st`, `2nd`, `3rd`, `11th`."""
    endings = {1: "st", 2: "nd", 3: "rd"}
    ending = "th" if number % 100 in (11, 12, 13) else endings.get(number % 10, "th")
    return f"{number}{ending}"


def _waiting(job: Job) -> str:
    match job.queue_position:
        case None:
            return "Waiting for a worker"
        case 1:
            return "Waiting, next to run"
        case position:
            return f"Waiting, {ordinal(position)} in the queue"
