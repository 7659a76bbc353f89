"""Where a command writes: its answer to standard output, everything for people to standard error."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console


def messages() -> "Console":
    """Return the console for people, on standard error, so that standard output stays the command's answer alone."""
    from rich.console import Console

    return Console(stderr=True)


def output() -> "Console":
    """Return the console for the command's answer."""
    from rich.console import Console

    return Console()


def say(message: str, style: str | None = None) -> None:
    """Tell a person something, on one line however long it is."""
    messages().print(message, style=style, soft_wrap=True, highlight=False, markup=False)


def print_json(answer: "BaseModel") -> None:
    """Print an answer for machines, on one line."""
    typer.echo(answer.model_dump_json())
