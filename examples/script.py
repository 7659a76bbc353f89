"""Print who says what in a book, and where it stands in the text: a line of CSV for each quote.

Run it as `python examples/script.py BOOK.txt > BOOK.csv`. `start` and `end` count characters of the text, so that
`text[start:end]` is the quote as it is printed. The service is that of BOOKJOB_URL, or the one that `bookjob up` starts
on this machine.
"""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

from bookjob import Client
from bookjob.models import Character, Reading


def name_of(character: Character) -> str:
    """Return what the book calls a character most often: by name if it does, else by a description or a pronoun."""
    mentions = character.mentions
    return next((name.n for name in (*mentions.proper, *mentions.common, *mentions.pronoun)), str(character.id))


def spoken(text: str, found: Reading) -> Iterator[tuple[int, int, str, str]]:
    """Yield where each quote of a text begins and ends, who speaks, and the words."""
    in_bytes = text.encode()
    names = {character.id: name_of(character) for character in found.characters}
    for quote in found.quotes:
        first, last = found.tokens[quote.quote_start], found.tokens[quote.quote_end]
        start, end = (len(in_bytes[:offset].decode()) for offset in (first["byte_onset"], last["byte_offset"]))
        speaker = None if quote.char_id is None else names.get(quote.char_id)
        yield start, end, speaker or quote.mention_phrase or "", text[start:end]


def main(book: Path) -> None:
    """Have a book read and print its quotes."""
    # Bytes keep the line ends as they are; a byte-order mark is no part of the text.
    text = book.read_bytes().decode("utf-8-sig")
    with Client() as client:
        job = client.submit(text, book_id=book.stem)
        client.wait(job.job_id)
        found = client.result(job.job_id).result
    rows = csv.writer(sys.stdout)
    rows.writerow(("start", "end", "speaker", "quote"))
    rows.writerows(spoken(text, found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
