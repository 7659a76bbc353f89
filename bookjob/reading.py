"""A book read from end to end for someone who watches: handed in, followed, fetched, written, summed up."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from bookjob import errors
from bookjob.book import Book
from bookjob.client import Client
from bookjob.conversations import require_result
from bookjob.models import FILE_NAMES, Job, Result, Submitted
from bookjob.output import OutputFolder, file_stem
from bookjob.progress import job_progress
from bookjob.protocol import default_url, parse, service_url
from bookjob.summary import Summary, summarize

#: Where results go when no folder is named; each book has a folder of its own in it.
OUTPUT: Final = Path("output")


@dataclass(frozen=True, slots=True)
class Request:
    """How a book is to be read; None leaves it to the service."""

    model: str | None = None
    pipeline: Sequence[str] | None = None
    #: Whether to keep asking while the queue is full.
    wait_for_place: bool = False


@dataclass(frozen=True, slots=True)
class ReadBook:
    """A book that was read: its job, its files and what is in them."""

    job: Job
    files: tuple[Path, ...]
    summary: Summary


def read_book(client: Client, book: Book, request: Request, *, folder: Path | None, messages: Console) -> ReadBook:
    """Hand a book in, show its progress on `messages` until it ends, write its files and return what is in it.

    Raises JobEnded when it ends without a result, and what `submit`, `follow` and `fetch` raise.
    """
    job_id = submit(client, book, request).job_id
    messages.print(f"Reading {book.book_id} (job {job_id})", soft_wrap=True, highlight=False, markup=False)
    return fetch(client, follow(client, job_id, messages), folder, messages)


def submit(client: Client, book: Book, request: Request) -> Submitted:
    """Hand the book in and return its job; raises the client's errors, such as QueueFull."""
    return client.submit(
        book.text,
        book_id=book.book_id,
        model=request.model,
        pipeline=request.pipeline,
        wait_for_place=request.wait_for_place,
    )


def follow(client: Client, job_id: str, messages: Console, *, on_change: Callable[[Job], None] | None = None) -> Job:
    """Show a job's progress until it ends, and give every change to `on_change` too; return the completed job.

    Raises JobEnded when it ended otherwise. Ctrl-C stops the watching and not the job, and says how to watch on;
    KeyboardInterrupt then goes on.
    """
    hint = f"Stopped watching; the job goes on. Watch on with: {command('watch', job_id, client)}"
    with _on_interrupt(messages, hint), job_progress(messages) as show:

        def tell(job: Job) -> None:
            show(job)
            if on_change is not None:
                on_change(job)

        return require_result(client.wait(job_id, on_change=tell))


def fetch(client: Client, job: Job, folder: Path | None, messages: Console) -> ReadBook:
    """Write a completed job's files to the folder, by default one named for the book, and return what is in them.

    Raises NotFound when the result has expired meanwhile, and OutputNotWritable.
    """
    name = job.book_id or job.job_id
    output = OutputFolder.prepare(folder or OUTPUT / file_stem(name), name)
    again = command("result", job.job_id, client)
    with _on_interrupt(messages, f"The result stays at the service until it expires. Fetch it with: {again}"):
        client.download_result(job.job_id, output.result)
        files = [*_booknlp_files(client, job.job_id, output), output.result]
    result = parse(output.result.read_bytes(), Result, client.url)
    return ReadBook(job, tuple(files), summarize(result.result))


def command(name: str, job_id: str, client: Client) -> str:
    """Return the command line that does something with the job, at the service that it was handed in to."""
    url = "" if client.url == service_url(default_url()) else f" --url {client.url}"
    return f"bookjob {name} {job_id}{url}"


def _booknlp_files(client: Client, job_id: str, output: OutputFolder) -> list[Path]:
    """Fetch BookNLP's own files; a job that was not asked for all tasks did not make all of them."""
    files = []
    for name in FILE_NAMES:
        path = output.file(name)
        try:
            client.download_file(job_id, name, path)
        except errors.NotFound:
            continue
        files.append(path)
    return files


@contextmanager
def _on_interrupt(messages: Console, hint: str) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        messages.print(hint, soft_wrap=True, highlight=False, markup=False)
        raise
