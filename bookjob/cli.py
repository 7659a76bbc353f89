"""The command line. Each command is a few lines; what it does lives in the module that it names.

The modules are imported where they are used, so that `bookjob --help` does not wait for an HTTP library.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperGroup

from bookjob import stack
from bookjob.errors import BookjobError, JobEnded, JobTimedOut
from bookjob.exit_codes import ExitCode, exit_code_of

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console

    from bookjob.book import Book
    from bookjob.client import Client
    from bookjob.models import JobState
    from bookjob.reading import ReadBook, Request

_EXIT_CODES = (
    "Exit codes: 0 all went well · 1 the job failed or was cancelled · 2 the command, file or request is not valid · "
    "3 no answer from the service · 4 the job is unknown or has expired · "
    "5 refused (queue full, a limit, a key, the job's state) · 130 Ctrl-C."
)
#: How long `cancel` watches a running job being stopped, in seconds.
_STOPPING_SECONDS: Final = 10.0


class _Commands(TyperGroup):
    """Ends a command that met one of our errors with its sentence and its exit code, never with a stack trace."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BookjobError as error:
            _messages().print(f"Error: {error}", style="red", soft_wrap=True, highlight=False, markup=False)
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

for command in (stack.up, stack.down, stack.health):
    app.command(rich_help_panel="The service on this machine")(command)

File = Annotated[Path, typer.Argument(metavar="FILE", help="A plain-text book (UTF-8); - reads standard input.")]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")]
Url = Annotated[
    str | None,
    typer.Option(envvar="BOOKJOB_URL", metavar="URL", help="The service. [default: http://localhost:8000]"),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines on standard output, one object a line.")]
Folder = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="DIR", help="Where the files go. [default: output/BOOK]"),
]
BookId = Annotated[str | None, typer.Option(help="The book's name. [default: the file's name]", metavar="NAME")]
Model = Annotated[
    str | None, typer.Option(help="small, big, mini or custom. [default: the service's, small]", metavar="MODEL")
]
Pipeline = Annotated[
    str | None,
    typer.Option(help="Tasks, with commas: entity,quote,supersense,event,coref. [default: all]", metavar="TASKS"),
]
WaitForPlace = Annotated[
    bool, typer.Option("--wait-for-place", help="While the queue is full, keep asking instead of giving up.")
]


@app.command()
def run(
    file: File,
    folder: Folder = None,
    book_id: BookId = None,
    model: Model = None,
    pipeline: Pipeline = None,
    wait_for_place: WaitForPlace = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Read a book: hand it in, watch it, write its files and show what is in it."""
    from bookjob import reading

    book, request = _book_and_request(file, book_id, model, pipeline, wait_for_place)
    with _service(url) as client:
        try:
            read = reading.read_book(client, book, request, folder=folder, messages=_messages())
        except JobEnded as ended:
            if as_json:
                _print_json(ended.job)
            raise
    _print_read_book(read, as_json)


@app.command()
def submit(
    file: File,
    book_id: BookId = None,
    model: Model = None,
    pipeline: Pipeline = None,
    wait_for_place: WaitForPlace = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Hand a book in and print its job's id, without waiting for it."""
    from bookjob import reading

    book, request = _book_and_request(file, book_id, model, pipeline, wait_for_place)
    with _service(url) as client:
        submitted = reading.submit(client, book, request)
        if as_json:
            _print_json(submitted)
            return
        typer.echo(submitted.job_id)
        _say(f"Watch it with: {reading.command('watch', submitted.job_id, client)}")


@app.command()
def status(job_id: JobId, url: Url = None, as_json: Json = False) -> None:
    """Show a job as it stands now."""
    from bookjob.models import JobState
    from bookjob.overview import job_table

    with _service(url) as client:
        job = client.status(job_id)
    if as_json:
        _print_json(job)
    else:
        _output().print(job_table(job))
    if job.status is JobState.EXPIRED:
        raise typer.Exit(ExitCode.NOT_FOUND)


@app.command()
def watch(job_id: JobId, url: Url = None, as_json: Json = False) -> None:
    """Watch a job until it ends. With --json, print it whenever it changes."""
    from bookjob import reading

    with _service(url) as client:
        reading.follow(client, job_id, _messages(), on_change=_print_json if as_json else None)
        _say(f"Fetch the result with: {reading.command('result', job_id, client)}")


@app.command()
def result(job_id: JobId, folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """Write a finished job's files and show what is in the book."""
    from bookjob import reading

    with _service(url) as client:
        job = reading.require_result(client.status(job_id))
        read = reading.fetch(client, job, folder, _messages())
    _print_read_book(read, as_json)


@app.command()
def cancel(job_id: JobId, url: Url = None, as_json: Json = False) -> None:
    """Call a job off."""
    with _service(url) as client:
        state = client.cancel(job_id)
        if not state.ended:
            state = _wait_for_stop(client, job_id)
    if as_json:
        typer.echo(json.dumps({"job_id": job_id, "status": state}))
    else:
        _output().print("Cancelled." if state.ended else "Asked to stop; it has not stopped yet.")


@app.command()
def stats(url: Url = None, as_json: Json = False) -> None:
    """Show how busy the service is."""
    from bookjob.overview import stats_table

    with _service(url) as client:
        counts = client.stats()
    if as_json:
        _print_json(counts)
    else:
        _output().print(stats_table(counts))


def _book_and_request(
    file: Path, book_id: str | None, model: str | None, pipeline: str | None, wait_for_place: bool
) -> "tuple[Book, Request]":
    from bookjob.book import load
    from bookjob.reading import Request

    book = load(file)
    if book_id is not None:
        book = replace(book, book_id=book_id)
    tasks = [task.strip() for task in pipeline.split(",")] if pipeline else None
    return book, Request(model=model, pipeline=tasks, wait_for_place=wait_for_place)


@contextmanager
def _service(url: str | None) -> "Iterator[Client]":
    from bookjob.client import Client

    with Client(url) as client:
        yield client


def _wait_for_stop(client: "Client", job_id: str) -> "JobState":
    try:
        return client.wait(job_id, timeout=_STOPPING_SECONDS).status
    except JobTimedOut:
        return client.status(job_id).status


def _print_json(answer: "BaseModel") -> None:
    typer.echo(answer.model_dump_json())


def _print_read_book(read: "ReadBook", as_json: bool) -> None:
    if as_json:
        files = [str(file) for file in read.files]
        job = read.job.model_dump(mode="json")
        typer.echo(json.dumps({"job": job, "files": files, "summary": asdict(read.summary)}, ensure_ascii=False))
        return
    from bookjob.render import print_summary

    print_summary(_output(), read.summary, read.job, read.files)


def _say(message: str) -> None:
    _messages().print(message, soft_wrap=True, highlight=False, markup=False)


def _messages() -> "Console":
    """Return the console for people, on standard error, so that standard output stays the command's answer alone."""
    from rich.console import Console

    return Console(stderr=True)


def _output() -> "Console":
    from rich.console import Console

    return Console()
