"""How jobs are found: by their ids, by their places in the queue, and by the time they are due. Nothing here writes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from jobs.due import due
from jobs.errors import JobNotFound
from jobs.model import Job, Status, job_at
from jobs.records import Item, from_item, job_id_of, job_key
from jobs.table import QUEUE, Line, Table


@dataclass(frozen=True)
class JobLookup(Table):
    """The jobs of one table, to be looked at."""

    def get(self, job_id: str, now: datetime) -> Job:
        """Return the job as it stands, with expiry derived from `now`; raises JobNotFound and UnreadableRecord."""
        job = self.find(job_id)
        if job is None or job.gone_at(now):
            raise JobNotFound(job_id)
        return job.as_seen_at(now)

    def find(self, job_id: str) -> Job | None:
        """Return the job as its record stands, expired or not, or None where there is no record."""
        found = self._read(job_key(job_id))
        return from_item(found) if found else None

    def due(self, status: Status, now: datetime) -> Iterator[str]:
        """Yield the ids of the jobs of a state that are due by now (`Job.due_at`), whoever's they are.

        The longest due comes first. They come from an index that may lag behind the last writes by a moment.
        """
        return map(job_id_of, due(self.client, self.table, status, now))

    def waiting(self) -> list[str]:
        """Return the ids of the pending jobs, the next to run first."""
        return _job_ids(self._read(QUEUE), "waiting")

    def places(self) -> Mapping[Status, frozenset[str]]:
        """Return the places of the jobs that wait and of those that run, as the record `queue` has them."""
        queue = self._read(QUEUE)
        lines: Mapping[Status, Line] = {Status.PENDING: "waiting", Status.RUNNING: "running"}
        return {status: frozenset(queue.get(line, {}).get("SS", ())) for status, line in lines.items()}

    def unfinished(self) -> list[str]:
        """Return the ids of the jobs that run, then of those that wait, each in order of submission."""
        queue = self._read(QUEUE)
        return _job_ids(queue, "running") + _job_ids(queue, "waiting")


def _job_ids(queue: Item, line: Line) -> list[str]:
    return [job_at(place) for place in sorted(queue.get(line, {}).get("SS", []))]
