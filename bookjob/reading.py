"""A book read from end to end for someone who watches: handed in, followed, fetched, written, summed up."""

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Console

from bookjob import errors
from bookjob.book import Book
from bookjob.calls import JobRequest
from bookjob.client import Client
from bookjob.models import FILE_NAMES, Job, JobState, Result, Submitted
from bookjob.output import OutputFolder, file_stem
from bookjob.progress import bytes_progress, job_progress
from bookjob.protocol import default_url, parse, service_url
from bookjob.summary import Summary, summarize
from bookjob.transfer import OnProgress

#: Where results go when no folder is named; each book has a folder of its own in it.
OUTPUT: Final = Path("output")


@dataclass(frozen=True, slots=True)
class Request:
    """How a book is to be handed in and read."""

    #: How it is to be read.
    job: JobRequest = field(default_factory=JobRequest)
    #: Whether to upload it whatever its size.
    large: bool = False
    #: Whether to keep asking while the queue is full.
    wait_for_place: bool = False
    #: Makes handing it in again the same job.
    idempotency_key: str | None = None
    #: What to say to someone who breaks the handing in off.
    how_to_go_on: str = "Stopped; whether the service has the book is not known."


@dataclass(frozen=True, slots=True)
class ReadBook:
    """A book that was read: its job, its files and what is in them."""

    job: Job
    files: tuple[Path, ...]
    summary: Summary


def read_book(
    client: Client, book: Book, request: Request, *, folder: Path | None, messages: Console, service_stops: bool = False
) -> ReadBook:
    """Hand a book in, show its progress on `messages` until it ends, write its files and return what is in it.

    `service_stops` tells that Ctrl-C stops the service too, so that one can only go on once it is up again. Raises
    JobEnded when the job ends without a result, and what `submit`, `follow` and `fetch` raise; OutputNotWritable before
    the book is handed in.
    """
    _output(folder, book.book_id)
    job_id = submit(client, book, request, messages).job_id
    messages.print(f"Reading {book.book_id} (job {job_id})", soft_wrap=True, highlight=False, markup=False)
    job = follow(client, job_id, messages, service_stops=service_stops)
    return fetch(client, job, folder, messages, service_stops=service_stops)


def submit(client: Client, book: Book, request: Request, messages: Console) -> Submitted:
    """Hand the book in and return its job; raises the client's errors, such as QueueFull.

    An upload shows how far it is, and is told of when nobody asked for one. Ctrl-C says how to go on;
    KeyboardInterrupt then goes on.
    """
    job = _named(book, request)
    with _on_interrupt(messages, request.how_to_go_on), bytes_progress(messages, "Uploading") as show:
        if request.wait_for_place:
            _tell_of_full_queue(client, messages)
        if request.large or isinstance(book.text, Path):
            return client.upload(
                book.text,
                wait_for_place=request.wait_for_place,
                idempotency_key=request.idempotency_key,
                on_progress=show,
                **job,
            )
        return client.submit(
            book.text,
            wait_for_place=request.wait_for_place,
            idempotency_key=request.idempotency_key,
            on_progress=_announced(show, messages),
            **job,
        )


def analyze(client: Client, book: Book, request: Request, messages: Console) -> Result:
    """Return what is found in a short text; raises the client's errors. Ctrl-C says how to go on."""
    working = messages.status("Reading") if messages.is_terminal else nullcontext()
    with _on_interrupt(messages, request.how_to_go_on), working:
        return client.analyze(str(book.text), idempotency_key=request.idempotency_key, **_named(book, request))


def follow(
    client: Client,
    job_id: str,
    messages: Console,
    *,
    on_change: Callable[[Job], None] | None = None,
    service_stops: bool = False,
) -> Job:
    """Show a job's progress until it ends, and give every change to `on_change` too; return the completed job.

    Raises JobEnded when it ended otherwise. Ctrl-C stops the watching and not the job, and says how to watch on;
    KeyboardInterrupt then goes on. The error of an outage has it as its note.
    """
    when = _when(service_stops)
    hint = f"Stopped watching; the job goes on{when}. Watch on with: {command('watch', job_id, client)}"
    with _on_interrupt(messages, hint), _on_outage(hint), job_progress(messages) as show:

        def tell(job: Job) -> None:
            show(job)
            if on_change is not None:
                on_change(job)

        return require_result(client.wait(job_id, on_change=tell))


def require_result(job: Job) -> Job:
    """Return the job when it has a result; raises NotReady, JobFailed, JobCancelled or JobExpired otherwise."""
    match job.status:
        case JobState.COMPLETED:
            return job
        case JobState.FAILED:
            raise errors.JobFailed(job)
        case JobState.CANCELLED:
            raise errors.JobCancelled(job)
        case JobState.EXPIRED:
            raise errors.JobExpired(job)
        case JobState.PENDING | JobState.RUNNING:
            raise errors.NotReady(425, f"The job has not ended yet; watch it with: bookjob watch {job.job_id}")


def fetch(client: Client, job: Job, folder: Path | None, messages: Console, *, service_stops: bool = False) -> ReadBook:
    """Write a completed job's files to the folder, by default one named for the book, and return what is in them.

    Raises NotFound when the result has expired meanwhile, and OutputNotWritable.
    """
    name = job.book_id or job.job_id
    output = _output(folder, name)
    again = command("result", job.job_id, client, *([] if folder is None else ["-o", str(folder)]))
    hint = f"The result stays at the service until it expires. Fetch it{_when(service_stops)} with: {again}"
    with _on_interrupt(messages, hint), _on_outage(hint):
        with bytes_progress(messages, "Fetching") as show:
            client.download_result(job.job_id, output.result, on_progress=show)
        files = [*_booknlp_files(client, job.job_id, output), output.result]
    result = parse(output.result.read_bytes(), Result, client.url)
    return ReadBook(job, tuple(files), summarize(result.result))


def command(name: str, job_id: str, client: Client, *more: str) -> str:
    """Return the command line that does something with the job, at the service that it was handed in to."""
    where = [] if client.url == service_url(default_url()) else ["--url", client.url]
    return shlex.join(["bookjob", name, job_id, *more, *where])


def _when(service_stops: bool) -> str:
    return " once the service is up again" if service_stops else ""


def _named(book: Book, request: Request) -> JobRequest:
    return {"book_id": book.book_id, **request.job}


def _tell_of_full_queue(client: Client, messages: Console) -> None:
    stats = client.stats()
    if stats.queue_size >= stats.max_queue_size:
        waiting = (
            f"The queue is full ({stats.queue_size} jobs are waiting); the book is handed in when there is a place."
        )
        messages.print(waiting, soft_wrap=True, highlight=False)


def _announced(show: OnProgress, messages: Console) -> OnProgress:
    """Return what shows an upload's progress, having said at first why there is one."""
    said = False

    def show_and_tell(done: int, total: int | None) -> None:
        nonlocal said
        if not said:
            messages.print("The book is too large for one request; it is uploaded instead.", soft_wrap=True)
        said = True
        show(done, total)

    return show_and_tell


def _output(folder: Path | None, name: str) -> OutputFolder:
    return OutputFolder.prepare(folder or OUTPUT / file_stem(name), name)


def _booknlp_files(client: Client, job_id: str, output: OutputFolder) -> list[Path]:
    """Fetch BookNLP's own files; a job that was not asked for all tasks did not make all of them.

    One that it did not make goes if an earlier job left it there, so that all files of a book are of one reading.
    """
    files = []
    for name in FILE_NAMES:
        path = output.file(name)
        try:
            client.download_file(job_id, name, path)
        except errors.NotFound:
            path.unlink(missing_ok=True)
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


@contextmanager
def _on_outage(hint: str) -> Iterator[None]:
    try:
        yield
    except (errors.ServiceUnreachable, errors.ServiceFailed) as error:
        error.add_note(hint)
        raise
