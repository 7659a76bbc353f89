"""The command line: its commands, and how an error ends one. What a command does lives in the module that it names.

Those modules import the rest of the package where they use it, so that `bookjob --help` does not wait for an HTTP
library.
"""

import errno
import sys
from collections.abc import Callable
from contextlib import suppress
from io import TextIOWrapper
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from bookjob import stack
from bookjob.commands import books, jobs, keys, packs, planning, webhooks
from bookjob.commands.terminal import say
from bookjob.errors import BookjobError
from bookjob.exit_codes import ExitCode, exit_code_of

_EXIT_CODES: Final = (
    "Exit codes: 0 all went well · 1 the job failed or was cancelled · 2 the command, file or request is not valid · "
    "3 no answer from the service · 4 the job is unknown or has expired · "
    "5 refused (queue full, a limit, a key, the job's state) · 130 Ctrl-C."
)


class _Commands(TyperGroup):
    """Ends a command that met one of our errors with its sentence and its exit code, never with a stack trace."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if isinstance(sys.stdout, TextIOWrapper):
            # A locale that lacks a character shows a question mark in its place: the book is read all the same.
            sys.stdout.reconfigure(errors="replace")
        # Kept for the message of a command that is broken off: it says how to go on by the command as it was typed.
        ctx.obj = tuple(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BookjobError as error:
            from bookjob.wording import in_commands

            say(f"Error: {in_commands(str(error))}", style="red")
            for how_to_go_on in getattr(error, "__notes__", ()):
                say(how_to_go_on)
            raise typer.Exit(exit_code_of(error)) from error
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # typer ends the command without a word, as `head` expects it
            where = f"{error.filename}: " if error.filename else ""
            say(f"Error: {where}{error.strerror or error}.", style="red")
            with suppress(OSError):
                # What could not be written would be tried again at the very end, and the exit code be Python's.
                sys.stdout.close()
            raise typer.Exit(ExitCode.USAGE) from error


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"bookjob {version('bookjob')}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version and exit.")
]

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


@app.callback()
def _options(version: Version = False) -> None:
    """Let there be options before any command."""


#: The commands as the help groups them.
_PANELS: Final[dict[str, dict[str, Callable[..., None]]]] = {
    "Books": {"run": books.run, "submit": books.submit, "upload": books.upload, "analyze": books.analyze},
    "Jobs": {
        "status": jobs.status,
        "watch": jobs.watch,
        "result": jobs.result,
        "list": jobs.list_jobs,
        "latest": jobs.latest,
        "cancel": jobs.cancel,
        "retry": jobs.retry,
        "delete": jobs.delete,
        "stats": jobs.stats,
    },
    "The service on this machine": {"up": stack.up, "down": stack.down, "health": stack.health},
    "Before a deployment": {"cost": planning.cost, "simulate": planning.simulate},
}

for panel, commands in _PANELS.items():
    for name, command in commands.items():
        app.command(name, rich_help_panel=panel)(command)

app.add_typer(webhooks.app, rich_help_panel="Jobs")
app.add_typer(packs.app, rich_help_panel="The service on this machine")
app.add_typer(keys.app, rich_help_panel="A service of your own")
