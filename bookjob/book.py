"""A book's text from a file or standard input, refused with one sentence before anything is sent."""

import codecs
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bookjob.errors import InvalidBook
from bookjob.output import file_stem

#: The longest text that the service reads, in characters.
MAX_CHARACTERS: Final = 5_000_000
#: UTF-8 takes at most four bytes for a character; what is larger need not be read to be refused.
_MAX_BYTES: Final = 4 * MAX_CHARACTERS + len(codecs.BOM_UTF8)

_STANDARD_INPUT: Final = Path("-")

#: What a file starts with when it is no plain text, what it is then, and what to do about it.
_OTHER_FORMATS: Final = (
    (b"%PDF-", "a PDF", "export its text first, for example with `pdftotext FILE.pdf`"),
    (b"{\\rtf", "a rich-text (RTF) document", "save it as plain text (UTF-8) first"),
    (b"\x1f\x8b", "compressed with gzip", "unpack it first with `gunzip`"),
    (codecs.BOM_UTF16_LE, "UTF-16 text", "convert it first: `iconv -f UTF-16 -t UTF-8 FILE > book.txt`"),
    (codecs.BOM_UTF16_BE, "UTF-16 text", "convert it first: `iconv -f UTF-16 -t UTF-8 FILE > book.txt`"),
)
_ZIP: Final = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Book:
    """A text that the service can read."""

    #: The name that its results carry, made from the file's name.
    book_id: str
    text: str


def load(path: Path) -> Book:
    """Return the book in a plain-text file (UTF-8), or on standard input for `-`; raises InvalidBook."""
    if path == _STANDARD_INPUT:
        return Book("stdin", decode(sys.stdin.buffer.read(_MAX_BYTES + 1), "standard input"))
    return Book(file_stem(path.stem), decode(_bytes_of(path), str(path)))


def decode(content: bytes, name: str) -> str:
    """Return the text of a file's bytes without a byte-order mark; raises InvalidBook, which calls the file `name`."""
    _refuse_other_formats(content, name)
    if len(content) > _MAX_BYTES:
        raise InvalidBook(f"{name} is too long: the service reads at most {MAX_CHARACTERS:,} characters at once.")
    if (nul := content.find(b"\0")) >= 0:
        raise InvalidBook(f"{name} is not plain text: there is a NUL byte at offset {nul:,}.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidBook(_not_utf8(content, name)) from error
    if not text or text.isspace():
        raise InvalidBook(f"{name} is empty: there is nothing to read in it.")
    if len(text) > MAX_CHARACTERS:
        raise InvalidBook(
            f"{name} is too long: it has {len(text):,} characters, "
            f"and the service reads at most {MAX_CHARACTERS:,} at once; split it."
        )
    return text


def _bytes_of(path: Path) -> bytes:
    if path.is_dir():
        raise InvalidBook(f"{path} is a folder; name one plain-text file in it.")
    try:
        with path.open("rb") as file:
            return file.read(_MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise InvalidBook(f"There is no file {path}.") from error
    except OSError as error:
        raise InvalidBook(f"{path} cannot be read: {error.strerror or error}.") from error


def _refuse_other_formats(content: bytes, name: str) -> None:
    for start, what, advice in _OTHER_FORMATS:
        if content.startswith(start):
            raise InvalidBook(f"{name} is {what}, not plain text; {advice}.")
    if content.startswith(_ZIP):
        if b"application/epub+zip" in content[:200]:
            raise InvalidBook(
                f"{name} is an EPUB, not plain text; export its text first, "
                "for example with Calibre's `ebook-convert FILE.epub book.txt`."
            )
        raise InvalidBook(f"{name} is a ZIP archive (or a Word document), not plain text; save the text as .txt first.")
    if content[60:68] == b"BOOKMOBI":
        raise InvalidBook(
            f"{name} is a Kindle book, not plain text; export its text first, "
            "for example with Calibre's `ebook-convert FILE.mobi book.txt`."
        )


def _not_utf8(content: bytes, name: str) -> str:
    # A byte-order mark is part of the file, so the offset is counted with it.
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        offset = error.start
    line = content.count(b"\n", 0, offset) + 1
    return (
        f"{name} is not UTF-8: byte 0x{content[offset]:02X} at offset {offset:,} (line {line:,}). "
        "If it is an older Western text, convert it first: `iconv -f WINDOWS-1252 -t UTF-8 FILE > book.txt`."
    )
