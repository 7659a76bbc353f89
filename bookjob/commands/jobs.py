"""The commands about jobs that the service has already."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import typer

from bookjob.commands import connection
from bookjob.commands.arguments import Folder, JobId, Json, Url
from bookjob.commands.terminal import messages, output, print_json, say
from bookjob.errors import JobTimedOut
from bookjob.exit_codes import ExitCode

if TYPE_CHECKING:
    from bookjob.client import Client
    from bookjob.models import JobState
    from bookjob.reading import ReadBook

#: How long `cancel` watches a running job being stopped, in seconds.
_STOPPING_SECONDS: Final = 10.0


def status(job_id: JobId, url: Url = None, as_json: Json = False) -> None:
    """Show a job as it stands now."""
    from bookjob.models import JobState
    from bookjob.overview import job_table

    with connection.service(url) as client:
        job = client.status(job_id)
    if as_json:
        print_json(job)
    else:
        output().print(job_table(job))
    if job.status is JobState.EXPIRED:
        raise typer.Exit(ExitCode.NOT_FOUND)


def watch(job_id: JobId, url: Url = None, as_json: Json = False) -> None:
    """Watch a job until it ends. With --json, print it whenever it changes."""
    from bookjob import reading

    with connection.service(url) as client:
        reading.follow(client, job_id, messages(), on_change=print_json if as_json else None)
        say(f"Fetch the result with: {reading.command('result', job_id, client)}")


def result(job_id: JobId, folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """Write a finished job's files and show what is in the book."""
    from bookjob import reading
    from bookjob.conversations import require_result

    with connection.service(url) as client:
        job = require_result(client.status(job_id))
        read = reading.fetch(client, job, folder, messages())
    print_read_book(read, as_json)


def cancel(job_id: JobId, url: Url = None, as_json: Json = False) -> None:
    """Call a job off, whether it waits or runs."""
    with connection.service(url) as client:
        state = client.stop(job_id).status
        if not state.ended:
            state = _wait_for_stop(client, job_id)
    if as_json:
        typer.echo(json.dumps({"job_id": job_id, "status": state}))
    else:
        output().print("Cancelled." if state.ended else "Asked to stop; it has not stopped yet.")


def stats(url: Url = None, as_json: Json = False) -> None:
    """Show how busy the service is."""
    from bookjob.overview import stats_table

    with connection.service(url) as client:
        counts = client.stats()
    if as_json:
        print_json(counts)
    else:
        output().print(stats_table(counts))


def print_read_book(read: "ReadBook", as_json: bool) -> None:
    """Print what was found in a book and where its files are."""
    if as_json:
        files = [str(file) for file in read.files]
        job = read.job.model_dump(mode="json")
        typer.echo(json.dumps({"job": job, "files": files, "summary": asdict(read.summary)}, ensure_ascii=False))
        return
    from bookjob.render import print_summary

    print_summary(output(), read.summary, read.job, read.files)


def _wait_for_stop(client: "Client", job_id: str) -> "JobState":
    try:
        return client.wait(job_id, timeout=_STOPPING_SECONDS).status
    except JobTimedOut:
        return client.status(job_id).status
