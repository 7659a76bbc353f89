"""What can keep a worker from finishing a job. A failure's text is the reason that the job's caller reads."""


class WorkerError(Exception):
    """The worker could not finish the job."""


class PermanentFailure(WorkerError):
    """Every further attempt would end alike, so the job fails at once."""


class TransientFailure(WorkerError):
    """Another attempt may succeed."""


class EngineDied(TransientFailure):
    """The engine's process ended without an answer."""


class CancelRequested(WorkerError):
    """The job's caller asked for it to stop."""


class ShutdownRequested(WorkerError):
    """The worker was asked to stop; the job goes back to the queue."""
