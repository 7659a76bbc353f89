"""What every function is connected to, once for the life of its Lambda environment."""

from functools import cache

from jobs.service import JobService
from jobs.settings import Settings


@cache
def jobs() -> JobService:
    """Return the job service."""
    return JobService.connect(Settings.from_environment())
