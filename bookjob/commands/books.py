"""The commands that take a book or a text."""

import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bookjob.commands import connection
from bookjob.commands.arguments import (
    ApiKey,
    BookId,
    CallbackUrl,
    CustomModelPath,
    File,
    Folder,
    IdempotencyKey,
    Json,
    Large,
    Model,
    Pipeline,
    Url,
    WaitForPlace,
    Watch,
)
from bookjob.commands.jobs import print_read_book, watch_to_the_end
from bookjob.commands.terminal import command_line, messages, output, print_json, say
from bookjob.errors import JobEnded

if TYPE_CHECKING:
    from bookjob.book import Book
    from bookjob.calls import JobRequest
    from bookjob.client import Client
    from bookjob.reading import Request

Text = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="A short plain text (UTF-8).", show_default="standard input"),
]


def run(
    ctx: typer.Context,
    file: File,
    folder: Folder = None,
    book_id: BookId = None,
    model: Model = None,
    custom_model_path: CustomModelPath = None,
    pipeline: Pipeline = None,
    callback_url: CallbackUrl = None,
    large: Large = False,
    wait_for_place: WaitForPlace = False,
    idempotency_key: IdempotencyKey = None,
    url: Url = None,
    api_key: ApiKey = None,
    as_json: Json = False,
) -> None:
    """Read a book: hand it in, watch it, write its files and show what is in it."""
    from bookjob import reading

    book = _book(file, book_id)
    job = _job(model, custom_model_path, pipeline, callback_url)
    request = _request(ctx, job, idempotency_key, large=large, wait_for_place=wait_for_place)
    with connection.service(url, api_key) as client:
        try:
            read = reading.read_book(client, book, request, folder=folder, messages=messages())
        except JobEnded as ended:
            if as_json:
                print_json(ended.job)
            raise
    print_read_book(read, as_json)


def submit(
    ctx: typer.Context,
    file: File,
    book_id: BookId = None,
    model: Model = None,
    custom_model_path: CustomModelPath = None,
    pipeline: Pipeline = None,
    callback_url: CallbackUrl = None,
    wait_for_place: WaitForPlace = False,
    idempotency_key: IdempotencyKey = None,
    url: Url = None,
    api_key: ApiKey = None,
    as_json: Json = False,
) -> None:
    """Hand a book in and print its job's id, without waiting for it."""
    book = _book(file, book_id)
    job = _job(model, custom_model_path, pipeline, callback_url)
    request = _request(ctx, job, idempotency_key, wait_for_place=wait_for_place)
    with connection.service(url, api_key) as client:
        _hand_in(client, book, request, and_watch=False, as_json=as_json)


def upload(
    ctx: typer.Context,
    file: File,
    book_id: BookId = None,
    model: Model = None,
    custom_model_path: CustomModelPath = None,
    pipeline: Pipeline = None,
    callback_url: CallbackUrl = None,
    wait_for_place: WaitForPlace = False,
    and_watch: Watch = False,
    idempotency_key: IdempotencyKey = None,
    url: Url = None,
    api_key: ApiKey = None,
    as_json: Json = False,
) -> None:
    """Upload a book past the service to its storage, streamed from the disk, and print its job's id."""
    book = _book(file, book_id, as_file=True)
    job = _job(model, custom_model_path, pipeline, callback_url)
    request = _request(ctx, job, idempotency_key, large=True, wait_for_place=wait_for_place)
    with connection.service(url, api_key) as client:
        _hand_in(client, book, request, and_watch=and_watch, as_json=as_json)


def analyze(
    ctx: typer.Context,
    text: Text = Path("-"),
    model: Model = None,
    custom_model_path: CustomModelPath = None,
    pipeline: Pipeline = None,
    idempotency_key: IdempotencyKey = None,
    url: Url = None,
    api_key: ApiKey = None,
    as_json: Json = False,
) -> None:
    """Show what is in a text of up to 10,000 characters, in one go. With --json, print the whole result."""
    from bookjob import reading
    from bookjob.render import print_summary
    from bookjob.summary import summarize

    book = _book(text, None)
    job = _job(model, custom_model_path, pipeline, None)
    request = _request(ctx, job, idempotency_key)
    with connection.service(url, api_key) as client:
        result = reading.analyze(client, book, request, messages())
        if as_json:
            print_json(result)
        else:
            print_summary(output(), summarize(result.result), client.status(result.job_id), files=())


def _book(file: Path, book_id: str | None, *, as_file: bool = False) -> "Book":
    """Return the book in a file, kept in the file where it is only passed on."""
    from bookjob.book import inspect, load

    book = inspect(file) if as_file else load(file)
    return book if book_id is None else replace(book, book_id=book_id)


def _job(
    model: str | None, custom_model_path: str | None, pipeline: str | None, callback_url: str | None
) -> "JobRequest":
    return {
        "model": model,
        "custom_model_path": custom_model_path,
        "pipeline": [task.strip() for task in pipeline.split(",")] if pipeline else None,
        "callback_url": callback_url,
    }


def _request(
    ctx: typer.Context,
    job: "JobRequest",
    idempotency_key: str | None,
    *,
    large: bool = False,
    wait_for_place: bool = False,
) -> "Request":
    from bookjob.reading import Request

    key = str(uuid.uuid4()) if idempotency_key is None else idempotency_key
    more = ("--idempotency-key", key) if idempotency_key is None else ()
    return Request(
        job,
        large=large,
        wait_for_place=wait_for_place,
        idempotency_key=key,
        how_to_go_on=f"Stopped. Go on, without making a second job, with: {command_line(ctx, *more)}",
    )


def _hand_in(client: "Client", book: "Book", request: "Request", *, and_watch: bool, as_json: bool) -> None:
    from bookjob import reading

    submitted = reading.submit(client, book, request, messages())
    if as_json:
        print_json(submitted)
    else:
        typer.echo(submitted.job_id)
    if and_watch:
        watch_to_the_end(client, submitted.job_id, as_json)
    elif not as_json:
        say(f"Watch it with: {reading.command('watch', submitted.job_id, client)}")
