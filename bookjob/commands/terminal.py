"""Where a command writes: its answer to standard output, everything for people to standard error."""

import json
import shlex
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.table import Table

    from bookjob.console import Console

#: The option that is never said back; BOOKJOB_API_KEY does as well.
_API_KEY: Final = "--api-key"


def messages() -> "Console":
    """Return the console for people, on standard error, so that standard output stays the command's answer alone."""
    from bookjob.console import Console

    return Console(stderr=True)


def output() -> "Console":
    """Return the console for the command's answer."""
    from bookjob.console import Console

    return Console()


def print_table(table: "Table") -> None:
    """Print a table as the answer."""
    from bookjob.render import print_whole

    print_whole(output(), table)


def command_line(ctx: typer.Context, *more: str) -> str:
    """Return the command as it was typed, but for an API key, with more arguments at its end."""
    return shlex.join([str(ctx.find_root().info_name), *_without_key(ctx.find_root().obj), *more])


def _without_key(arguments: Iterable[str]) -> Iterator[str]:
    rest = iter(arguments)
    for argument in rest:
        if argument == _API_KEY:
            next(rest, None)
        elif not argument.startswith(f"{_API_KEY}="):
            yield argument


def say(message: str, style: str | None = None) -> None:
    """Tell a person something, on one line however long it is."""
    messages().print(message, style=style, soft_wrap=True, highlight=False, markup=False)


def print_json(answer: "BaseModel") -> None:
    """Print an answer for machines, on one line, in ASCII: no locale takes a character away."""
    typer.echo(json.dumps(answer.model_dump(mode="json")))
