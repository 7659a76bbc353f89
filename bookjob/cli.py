"""The command line: its commands, and how an error ends one. What a command does lives in the module that it names.

Those modules import the rest of the package where they use it, so that `bookjob --help` does not wait for an HTTP
library.
"""

from collections.abc import Callable
from typing import Any, Final

import typer
from typer.core import TyperGroup

from bookjob import stack
from bookjob.commands import books, jobs
from bookjob.commands.terminal import say
from bookjob.errors import BookjobError
from bookjob.exit_codes import exit_code_of

_EXIT_CODES: Final = (
    "Exit codes: 0 all went well · 1 the job failed or was cancelled · 2 the command, file or request is not valid · "
    "3 no answer from the service · 4 the job is unknown or has expired · "
    "5 refused (queue full, a limit, a key, the job's state) · 130 Ctrl-C."
)


class _Commands(TyperGroup):
    """Ends a command that met one of our errors with its sentence and its exit code, never with a stack trace."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BookjobError as error:
            say(f"Error: {error}", style="red")
            raise typer.Exit(exit_code_of(error)) from error


app = typer.Typer(
    name="bookjob",
    cls=_Commands,
    help="Read a book: its characters, who says what, where it plays and what happens.",
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

#: The commands as the help groups them.
_PANELS: Final[dict[str, tuple[Callable[..., None], ...]]] = {
    "Books": (books.run, books.submit),
    "Jobs": (jobs.status, jobs.watch, jobs.result, jobs.cancel, jobs.stats),
    "The service on this machine": (stack.up, stack.down, stack.health),
}

for panel, commands in _PANELS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)
