"""Read a shelf of books at a service and tell who is in each.

Run it as `python examples/shelf.py BOOK.txt BOOK.txt`. The service is that of BOOKJOB_URL, or the one that `bookjob up`
starts on this machine.
"""

import asyncio
import sys
from pathlib import Path

from bookjob import AsyncClient, BookjobError
from bookjob.models import Character, Job


async def read(client: AsyncClient, book: Path) -> list[Character]:
    """Return a book's characters, most mentioned first."""

    def show(job: Job) -> None:
        print(f"{book.stem}: {job.status}, {job.progress:.0f} %", file=sys.stderr)

    job = await client.upload(book, book_id=book.stem, wait_for_place=True)
    await client.wait(job.job_id, on_change=show)
    return list((await client.result(job.job_id)).result.characters)


async def main(books: list[Path]) -> None:
    """Hand all books in at once, and print what comes of each; one that fails does not keep the others."""
    async with AsyncClient() as client:
        readings = await asyncio.gather(*(read(client, book) for book in books), return_exceptions=True)
    for book, characters in zip(books, readings, strict=True):
        match characters:
            case BookjobError():
                print(f"{book.stem}: {characters}")
            case BaseException():
                raise characters
            case _:
                names = [name.n for character in characters for name in character.mentions.proper[:1]]
                print(f"{book.stem}: {', '.join(names[:5])}")


if __name__ == "__main__":
    asyncio.run(main([Path(book) for book in sys.argv[1:]]))
