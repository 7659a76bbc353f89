"""The commands about jobs that the service has already."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from bookjob.commands import connection
from bookjob.commands.arguments import ApiKey, Folder, JobId, Json, OfBook, Url, Watch
from bookjob.commands.terminal import messages, output, print_json, print_table, say
from bookjob.errors import Conflict, JobTimedOut
from bookjob.exit_codes import ExitCode

if TYPE_CHECKING:
    from bookjob.client import Client
    from bookjob.models import Job, JobState
    from bookjob.reading import ReadBook

Status = Annotated[
    Literal["pending", "running", "completed", "failed", "cancelled", "expired"] | None,
    typer.Option(help="Only jobs in this state.", show_default=False),
]
Limit = Annotated[int, typer.Option(min=1, metavar="N", help="How many to show at most.")]
Everything = Annotated[bool, typer.Option("--all", help="Show all, however many there are.")]

#: How many jobs the service lists at once.
_LARGEST_PAGE: Final = 100
#: How long `cancel` watches a running job being stopped, in seconds.
_STOPPING_SECONDS: Final = 10.0


def status(job_id: JobId, url: Url = None, api_key: ApiKey = None, as_json: Json = False) -> None:
    """Show a job as it stands now."""
    with connection.service(url, api_key) as client:
        job = client.status(job_id)
    _show(job, as_json)


def latest(book_id: OfBook = None, url: Url = None, api_key: ApiKey = None, as_json: Json = False) -> None:
    """Show your newest job, or your newest of one book, as it stands now."""
    with connection.service(url, api_key) as client:
        job = client.latest(book_id=book_id)
    _show(job, as_json)


def list_jobs(
    status: Status = None,
    book_id: OfBook = None,
    limit: Limit = 20,
    everything: Everything = False,
    url: Url = None,
    api_key: ApiKey = None,
    as_json: Json = False,
) -> None:
    """List your jobs, newest first."""
    from bookjob.models import JobState
    from bookjob.overview import jobs_table

    state = None if status is None else JobState(status)
    with connection.service(url, api_key) as client:
        # One more than is shown tells whether there are more.
        size = _LARGEST_PAGE if everything else min(limit + 1, _LARGEST_PAGE)
        jobs = client.jobs(status=state, book_id=book_id, page_size=size)
        shown = jobs if everything else islice(jobs, limit)
        if as_json:
            for job in shown:
                print_json(job)
        elif listed := list(shown):
            print_table(jobs_table(listed, datetime.now(UTC)))
        else:
            say("There are no such jobs." if status or book_id else "There are no jobs.")
        if not everything and next(jobs, None) is not None:
            say("There are more: --all shows them.")


def watch(job_id: JobId, url: Url = None, api_key: ApiKey = None, as_json: Json = False) -> None:
    """Watch a job until it ends. With --json, print it whenever it changes."""
    with connection.service(url, api_key) as client:
        client.status(job_id)  # whoever asks at the wrong address hears so at once, not after an outage's patience
        watch_to_the_end(client, job_id, as_json)


def result(
    job_id: JobId, folder: Folder = None, url: Url = None, api_key: ApiKey = None, as_json: Json = False
) -> None:
    """Write a finished job's files and show what is in the book."""
    from bookjob import reading

    with connection.service(url, api_key) as client:
        job = reading.require_result(client.status(job_id))
        read = reading.fetch(client, job, folder, messages())
    print_read_book(read, as_json)


def cancel(job_id: JobId, url: Url = None, api_key: ApiKey = None, as_json: Json = False) -> None:
    """Call a job off, whether it waits or runs."""
    from bookjob.models import JobState

    with connection.service(url, api_key) as client:
        state = client.stop(job_id).status
        if not state.ended:
            state = _wait_for_stop(client, job_id)
    if as_json:
        typer.echo(json.dumps({"job_id": job_id, "status": state}))
    elif not state.ended:
        output().print("Asked to stop; it has not stopped yet.")
    elif state is JobState.CANCELLED:
        output().print("Cancelled.")
    if state.ended and state is not JobState.CANCELLED:
        raise Conflict(409, f"The job {state} before it could be stopped.")


def retry(
    job_id: JobId, and_watch: Watch = False, url: Url = None, api_key: ApiKey = None, as_json: Json = False
) -> None:
    """Queue a failed or cancelled job again; it goes on after the last stage that it finished."""
    from bookjob import reading

    with connection.service(url, api_key) as client:
        job = client.retry(job_id)
        if and_watch:
            watch_to_the_end(client, job_id, as_json)
        elif as_json:
            print_json(job)
        else:
            from bookjob.wording import ordinal

            place = f", {ordinal(job.queue_position)} in the queue" if job.queue_position else ""
            output().print(f"Queued again{place}.")
            say(f"Watch it with: {reading.command('watch', job_id, client)}")


def delete(job_id: JobId, url: Url = None, api_key: ApiKey = None, as_json: Json = False) -> None:
    """Delete an ended job's text and results now, instead of when it expires."""
    with connection.service(url, api_key) as client:
        client.delete_result(job_id)
    if as_json:
        typer.echo(json.dumps({"job_id": job_id, "status": "expired"}))
    else:
        output().print("Deleted: the text and the results are gone.")


def stats(url: Url = None, api_key: ApiKey = None, as_json: Json = False) -> None:
    """Show how busy the service is."""
    from bookjob.overview import stats_table

    with connection.service(url, api_key) as client:
        counts = client.stats()
    if as_json:
        print_json(counts)
    else:
        output().print(stats_table(counts))


def watch_to_the_end(client: "Client", job_id: str, as_json: bool) -> None:
    """Show a job's progress until it has completed, and say how to fetch its result; raises JobEnded without one."""
    from bookjob import reading

    reading.follow(client, job_id, messages(), on_change=print_json if as_json else None)
    say(f"Fetch the result with: {reading.command('result', job_id, client)}")


def print_read_book(read: "ReadBook", as_json: bool) -> None:
    """Print what was found in a book and where its files are."""
    if as_json:
        files = [str(file) for file in read.files]
        job = read.job.model_dump(mode="json")
        typer.echo(json.dumps({"job": job, "files": files, "summary": asdict(read.summary)}))
        return
    from bookjob.render import print_summary

    print_summary(output(), read.summary, read.job, read.files)


def _show(job: "Job", as_json: bool) -> None:
    from bookjob.models import JobState
    from bookjob.overview import job_table

    if as_json:
        print_json(job)
    else:
        output().print(job_table(job))
    if job.status is JobState.EXPIRED:
        raise typer.Exit(ExitCode.NOT_FOUND)


def _wait_for_stop(client: "Client", job_id: str) -> "JobState":
    try:
        return client.wait(job_id, timeout=_STOPPING_SECONDS).status
    except JobTimedOut:
        return client.status(job_id).status
