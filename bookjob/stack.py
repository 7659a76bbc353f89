"""The commands of the local stack: `up`, `down` and `health`. What they do lives in `infra.local`."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from bookjob.errors import BookjobError
from bookjob.exit_codes import ExitCode

if TYPE_CHECKING:
    from infra.local.home import Home, Running
    from infra.local.stack import Options

#: How long `up --detach` waits for the service, in seconds.
READY_WITHIN = 120.0

Port = Annotated[int, typer.Option(min=1, max=65535, metavar="PORT", help="Where the API is to be.")]
Detach = Annotated[bool, typer.Option("--detach", "-d", help="Return when the service is ready and leave it running.")]
Read = Annotated[Path | None, typer.Option(metavar="FILE", help="Read this book as soon as the service is ready.")]
Worker = Annotated[bool, typer.Option("--worker/--no-worker", help="Read jobs, or only accept them.")]
Substitute = Annotated[
    bool,
    typer.Option("--substitute/--no-substitute", help="Serve small and big with the bundled pack mini, or refuse them."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines on standard output.")]


def up(
    port: Port = 8000,
    detach: Detach = False,
    read: Read = None,
    worker: Worker = True,
    substitute: Substitute = True,
) -> None:
    """Start the service on this machine, or use the one that runs, until Ctrl-C."""
    with _in_words():
        from infra.local.home import Home, Running
        from infra.local.session import run, take
        from infra.local.stack import Options

        home, options = Home.default(), Options(port=port, worker=worker, substitute=substitute)
        lock = take(home)
        if isinstance(lock, Running):
            _reuse(home, lock, options, read)
        elif detach:
            _detach(home, lock, options)
            if read is not None:
                _read(f"http://localhost:{port}", read)
        else:
            run(home, lock, options, _say, lambda running: _welcome(running, options, read))


def down() -> None:
    """Stop the service on this machine. Jobs that wait are kept for the next start."""
    with _in_words():
        from infra.local.home import Home
        from infra.local.session import stop

        home = Home.default()
        _say(f"Stopped; jobs are kept in {home.path}." if stop(home) else "Nothing runs.")


def health(as_json: Json = False) -> None:
    """Tell how each part of the service on this machine is; exit code 1 when one of them is not well."""
    with _in_words():
        from infra.local.health import check
        from infra.local.home import Home

        parts = check(Home.default())
    if as_json:
        typer.echo(json.dumps({part.name: {"healthy": part.healthy, "detail": part.detail} for part in parts}))
    else:
        for part in parts:
            typer.echo(f"{'✓' if part.healthy else '✗'} {part.name:<9} {part.detail}")
    if not all(part.healthy for part in parts):
        raise typer.Exit(1)


def _welcome(running: "Running", options: "Options", read: Path | None) -> None:
    _say(f"The service is up: {running.url}  (Ctrl-C stops it; docs: {running.url}/docs)")
    _tell_of_substitute(options)
    if read is not None:
        try:
            _read(running.url, read)
        except BookjobError as error:
            _say(f"Error: {error}")
        _say(f"The service stays up: {running.url}  (Ctrl-C stops it)")


def _tell_of_substitute(options: "Options") -> None:
    if options.substitute:
        _say(
            "Requests for the models small and big are served by the bundled pack mini, as this stack was told "
            "(BOOKJOB_SUBSTITUTE_PACK=mini; --no-substitute refuses them instead)."
        )


def _reuse(home: "Home", running: "Running", options: "Options", read: Path | None) -> None:
    """Use the stack that runs already, once it is ready, and leave it running."""
    if running.port != options.port:
        from infra.local.errors import AlreadyRunning

        raise AlreadyRunning(
            f"The local stack of {home.path} runs already, on port {running.port}. Stop it first: bookjob down"
        )
    _say(f"The service runs already (process {running.supervisor.pid}).")
    _wait_until_ready(home, running.supervisor.pid)
    _say(f"It is up: {running.url}  (stop it with: bookjob down)")
    if read is not None:
        _read(running.url, read)


def _detach(home: "Home", lock: int, options: "Options") -> None:
    """Start the stack as a process of its own and return when it is ready."""
    import os

    os.close(lock)
    log = home.log("up")
    switches = [f"--{'' if on else 'no-'}{name}" for name, on in
                (("worker", options.worker), ("substitute", options.substitute))]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "infra.local", "--port", str(options.port), *switches],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _wait_until_ready(home, process.pid, process, log)
    _say(f"The service is up: http://localhost:{options.port}  (stop it with: bookjob down)")
    _tell_of_substitute(options)
