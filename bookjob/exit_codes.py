"""What the command line tells a script by its exit code. `docs/cli.md` documents the table."""

from enum import IntEnum

from bookjob import errors


class ExitCode(IntEnum):
    """Why a command ended."""

    OK = 0
    #: The job ended without a result: it failed or was cancelled.
    JOB_FAILED = 1
    #: The command, the file or the request is not valid; nothing was accepted.
    USAGE = 2
    #: No answer from the service, or none that makes sense.
    UNREACHABLE = 3
    #: The job, or its result, is unknown or has expired.
    NOT_FOUND = 4
    #: The service refused: the queue is full, a limit is reached, a key is missing, or the job's state forbids it.
    REFUSED = 5
    #: Ctrl-C. A job that was submitted goes on.
    INTERRUPTED = 130


_CODES: dict[type[errors.BookjobError], ExitCode] = {
    errors.InvalidBook: ExitCode.USAGE,
    errors.InvalidUrl: ExitCode.USAGE,
    errors.InvalidArgument: ExitCode.USAGE,
    errors.InvalidApiKey: ExitCode.USAGE,
    errors.InvalidProxy: ExitCode.USAGE,
    errors.OutputNotWritable: ExitCode.USAGE,
    errors.InvalidRequest: ExitCode.USAGE,
    errors.ServiceUnreachable: ExitCode.UNREACHABLE,
    errors.UnexpectedAnswer: ExitCode.UNREACHABLE,
    errors.ServiceFailed: ExitCode.UNREACHABLE,
    errors.JobTimedOut: ExitCode.UNREACHABLE,
    errors.JobEnded: ExitCode.JOB_FAILED,
    errors.JobExpired: ExitCode.NOT_FOUND,
    errors.NotFound: ExitCode.NOT_FOUND,
    errors.NotAllowed: ExitCode.REFUSED,
    errors.Conflict: ExitCode.REFUSED,
    errors.NoResult: ExitCode.JOB_FAILED,
    errors.DocumentTooLarge: ExitCode.REFUSED,
    errors.NotReady: ExitCode.REFUSED,
    errors.UploadWaits: ExitCode.REFUSED,
    errors.TooManyRequests: ExitCode.REFUSED,
    errors.QueueFull: ExitCode.REFUSED,
}


def exit_code_of(error: errors.BookjobError) -> ExitCode:
    """Return the exit code for an error, that of its nearest named class."""
    return next((_CODES[kind] for kind in type(error).__mro__ if kind in _CODES), ExitCode.USAGE)
