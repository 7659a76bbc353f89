"""How a command ends that works on this machine and not on a service: with a sentence and an exit code."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from bookjob.commands.terminal import say
from bookjob.exit_codes import ExitCode


@contextmanager
def in_words(interrupted: str, code: ExitCode = ExitCode.INTERRUPTED) -> Iterator[None]:
    """End a command that cannot go on with the sentence that says why; Ctrl-C ends it with `interrupted` and `code`."""
    try:
        from infra.local.errors import FolderNotWritable, LocalStackError, NoSuchPack, PackRefused
    except ModuleNotFoundError as missing:
        raise not_installed(missing) from missing
    refusals: dict[type[LocalStackError], ExitCode] = {
        FolderNotWritable: ExitCode.USAGE,
        NoSuchPack: ExitCode.USAGE,
        PackRefused: ExitCode.JOB_FAILED,
    }
    try:
        yield
    except KeyboardInterrupt:
        say(interrupted)
        raise typer.Exit(code) from None
    except LocalStackError as error:
        raise refusal(str(error), refusals.get(type(error), ExitCode.UNREACHABLE)) from error
    except ModuleNotFoundError as missing:
        raise not_installed(missing) from missing


def refusal(sentence: str, code: ExitCode) -> typer.Exit:
    """Say why a command ends, and return how."""
    say(f"Error: {sentence}", style="red")
    return typer.Exit(code)


def not_installed(missing: ModuleNotFoundError) -> typer.Exit:
    """Say what is not installed that only the commands of this machine need, and return how the command ends."""
    return refusal(
        f"{missing.name} is not installed, which this command needs beside the client. "
        "Run `make setup` in the project's folder, and the command from its .venv.",
        ExitCode.UNREACHABLE,
    )
