"""What a worker's deployment decides beside what every part of the service shares."""

from pathlib import Path

from pydantic import Field

from gpu_worker.packs.places import BUNDLED
from jobs.settings import Settings


class WorkerSettings(Settings):
    """The settings of one worker. Each field is the environment variable `BOOKJOB_` + its name in capitals."""

    #: Where model packs are, each a folder of its name; those that come with the code are there anyhow.
    pack_dir: Path = BUNDLED
    #: The bucket that packs are fetched from which are not in that folder; unset where there are no others.
    pack_bucket: str | None = None
    #: Where fetched packs are kept.
    pack_shelf: Path = Path("/packs")
    #: Where a copy of the message of a job that used up its attempts goes; unset where nobody looks there.
    dead_letter_queue_url: str | None = None
    #: How long the engine may be silent before it counts as hung; longer than any pack takes to load.
    engine_silence_seconds: int = Field(default=600, ge=1)
    #: How long the queue may give a worker nothing to do before it ends; unset to wait for ever.
    idle_exit_seconds: int | None = Field(default=None, ge=1)
    #: Whether this worker is a task of an ECS service, which protects itself while it runs a job.
    task_protection: bool = False
    #: A file that is touched with every sign of life, for a container's health check.
    alive_file: Path | None = None

    @property
    def beat_seconds(self) -> float:
        """How often a lease is renewed: two heartbeats may fail before it runs out."""
        return self.lease_seconds / 3
