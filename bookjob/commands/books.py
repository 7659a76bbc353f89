"""The commands that take a book."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bookjob.commands import connection
from bookjob.commands.arguments import BookId, File, Folder, Json, Model, Pipeline, Url, WaitForPlace
from bookjob.commands.jobs import print_read_book
from bookjob.commands.terminal import messages, print_json, say
from bookjob.errors import JobEnded

if TYPE_CHECKING:
    from bookjob.book import Book
    from bookjob.reading import Request


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
    with connection.service(url) as client:
        try:
            read = reading.read_book(client, book, request, folder=folder, messages=messages())
        except JobEnded as ended:
            if as_json:
                print_json(ended.job)
            raise
    print_read_book(read, as_json)


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
    with connection.service(url) as client:
        submitted = reading.submit(client, book, request)
        if as_json:
            print_json(submitted)
            return
        typer.echo(submitted.job_id)
        say(f"Watch it with: {reading.command('watch', submitted.job_id, client)}")


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
