"""Read a shelf of books at a service, some of them at once, and tell who is in each.

Run it as `python examples/shelf.py BOOK.txt BOOK.txt`. What is found in BOOK.txt is in BOOK.json as soon as it is read.
Ctrl-C calls off what was handed in; the same command then reads the books that are left. The service is that of
BOOKJOB_URL, or the one that `bookjob up` starts on this machine.
"""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

from bookjob import AsyncClient, BookjobError
from bookjob.models import Job, Result

#: Enough that the service always has a next book, and few enough that those that were handed in are soon read.
AT_ONCE = 10


async def read(client: AsyncClient, book: Path, places: asyncio.Semaphore) -> None:
    """Keep what is found in a book beside it and print its people; one that fails does not keep the others."""
    name = book.stem.encode(errors="replace").decode()  # a file's name may be any bytes
    result = book.with_suffix(".json")
    try:
        if not result.exists():
            async with places:
                job = await client.upload(book, book_id=name, wait_for_place=True)
                await watch(client, job.job_id, name)
                await client.download_result(job.job_id, result)
    except BookjobError as error:
        print(f"{name}: {error}")
        return
    characters = Result.model_validate_json(result.read_bytes()).result.characters
    names = [proper.n for character in characters for proper in character.mentions.proper[:1]]
    print(f"{name}: {', '.join(names[:5])}")


async def watch(client: AsyncClient, job_id: str, name: str) -> None:
    """Show how far a job is until it ends; call it off if nobody waits for it any more."""

    def show(job: Job) -> None:
        print(f"{name}: {job.status}, {job.progress:.0f} %", file=sys.stderr)

    try:
        await client.wait(job_id, on_change=show)
    except asyncio.CancelledError:
        with suppress(BookjobError):
            await client.stop(job_id)
        raise


async def main(books: list[Path]) -> None:
    """Read all books."""
    places = asyncio.Semaphore(AT_ONCE)
    async with AsyncClient() as client, asyncio.TaskGroup() as readings:
        for book in books:
            readings.create_task(read(client, book, places))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main([Path(book) for book in sys.argv[1:]]))
