"""The commands of the local stack: `up`, `down` and `health`. What they do lives in `infra.local`.

That is imported where it is used: a client of a remote service need not have what the local stack runs on.
"""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from bookjob.commands.local import in_words, refusal
from bookjob.commands.terminal import messages, output
from bookjob.errors import BookjobError, InvalidBook
from bookjob.exit_codes import ExitCode

if TYPE_CHECKING:
    from bookjob.book import Book
    from infra.local.home import Home, Running
    from infra.local.stack import Options

Port = Annotated[int, typer.Option(min=1, max=65535, metavar="PORT", help="Where the API is to be.")]
Detach = Annotated[bool, typer.Option("--detach", "-d", help="Return when the service is ready and leave it running.")]
BookFile = Annotated[
    Path | None, typer.Option("--read", metavar="FILE", help="Read this book as soon as the service is ready.")
]
Worker = Annotated[bool, typer.Option("--worker/--no-worker", help="Read jobs, or only accept them.")]
Substitute = Annotated[
    bool,
    typer.Option(
        "--substitute/--no-substitute",
        help="Serve the models small and big with the bundled pack mini, or refuse them.",
    ),
]
Keys = Annotated[bool, typer.Option("--keys/--no-keys", help="Ask callers for an API key, or let everyone in.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines on standard output.")]

_STOPPED: Final = "Stopped. Unfinished jobs are kept; the next `bookjob up` goes on with them."
_INTERRUPTED: Final = "Broken off; `bookjob health` tells what runs."


def up(
    port: Port = 8000,
    detach: Detach = False,
    file: BookFile = None,
    worker: Worker = True,
    substitute: Substitute = True,
    keys: Keys = False,
) -> None:
    """Start the service on this machine, or use the one that runs; Ctrl-C stops it and loses no job."""
    with in_words(_INTERRUPTED):
        book = _loaded(file)
        from infra.local.detached import start_detached
        from infra.local.home import Home, Running
        from infra.local.session import run, take
        from infra.local.stack import Options

        home, options = Home.default(), Options(port=port, worker=worker, substitute=substitute, keys=keys)
        taken = take(home)
        if isinstance(taken, Running):
            _use_running(home, taken, options)
        elif detach:
            os.close(taken)
            _tell_ready(start_detached(home, options), options, "stop it with: bookjob down")
        else:
            with in_words(_STOPPED, ExitCode.OK):
                run(home, taken, options, _say, lambda running: _welcome(running, options, book))
            return
    if book is not None:
        _read(f"http://localhost:{port}", book)


def down() -> None:
    """Stop the service on this machine. Jobs that wait are kept for the next start."""
    with in_words(_INTERRUPTED):
        from infra.local.home import Home
        from infra.local.session import stop

        home = Home.default()
        _say(f"Stopped. Unfinished jobs are kept in {home.path}." if stop(home) else "Nothing runs.")


def health(as_json: Json = False) -> None:
    """Tell how each part of the service on this machine is; the exit code is 0 when all are well and 1 otherwise."""
    with in_words(_INTERRUPTED):
        from infra.local.health import check
        from infra.local.home import Home

        parts = check(Home.default())
    if as_json:
        typer.echo(json.dumps({part.name: part.model_dump(exclude={"name"}) for part in parts}))
    else:
        for part in parts:
            typer.echo(f"{'ok  ' if part.healthy else 'DOWN'} {part.name:<9} {part.detail}")
    if not all(part.healthy for part in parts):
        raise typer.Exit(1)


def _loaded(file: Path | None) -> "Book | None":
    """Return the book to read, refused before anything is started."""
    from bookjob.book import load

    try:
        return load(file) if file is not None else None
    except InvalidBook as error:
        raise refusal(str(error), ExitCode.USAGE) from error


def _welcome(running: "Running", options: "Options", book: "Book | None") -> None:
    _tell_ready(running, options, "Ctrl-C stops it")
    if book is not None:
        try:
            _read(running.url, book, service_stops=True)
        except BookjobError as error:
            _say(f"Error: {error}")
        _say(f"The service stays up on {running.url}; Ctrl-C stops it.")


def _tell_ready(running: "Running", options: "Options", how_to_stop: str) -> None:
    _say(f"The service is up on {running.url} ({how_to_stop}).")
    if options.keys:
        _say("It asks its callers for an API key; make one with: bookjob keys create")
    from infra.local.home import Home
    from infra.local.packs import PUBLISHED, store

    absent = [name for name in PUBLISHED if name not in store(Home.default()).usable()]
    if options.substitute and absent:
        _say(
            f"In place of the model{'s' * (len(absent) > 1)} {' and '.join(absent)} the bundled pack mini is used, "
            "because this stack was told so (BOOKJOB_SUBSTITUTE_PACK=mini; --no-substitute refuses instead). "
            f"To have {' or '.join(absent)}: bookjob packs pull {absent[0]}"
        )


def _use_running(home: "Home", running: "Running", options: "Options") -> None:
    """Wait for the stack that another process runs; refuse to when it is not what was asked for."""
    from infra.local.detached import wait_until_ready
    from infra.local.errors import AlreadyRunning

    differences = {
        f", on port {running.port}": running.port != options.port,
        ", and only accepts jobs (--no-worker)": options.worker and not running.with_worker,
        ", and serves small and big with mini": running.with_substitute and not options.substitute,
        ", and asks for no API key": options.keys and not running.with_keys,
    }
    if difference := next((what for what, differs in differences.items() if differs), None):
        raise AlreadyRunning(f"The service runs already{difference}. Stop it first: bookjob down")
    wait_until_ready(home)
    _say(f"The service runs already on {running.url} (process {running.supervisor.pid}; stop it with: bookjob down).")


def _read(url: str, book: "Book", *, service_stops: bool = False) -> None:
    """Have the service read the book and show what is in it, as `bookjob run` does.

    With `service_stops`, Ctrl-C stops the service too.
    """
    from bookjob import reading
    from bookjob.client import Client
    from bookjob.render import print_summary

    request = reading.Request()
    with Client(url) as client:
        read = reading.read_book(client, book, request, folder=None, messages=messages(), service_stops=service_stops)
    print_summary(output(), read.summary, read.job, read.files)


def _say(sentence: str) -> None:
    typer.echo(sentence, err=True)
