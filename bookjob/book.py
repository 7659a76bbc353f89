"""A book's text from a file or standard input, refused with one sentence before anything is sent."""

import codecs
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Final

from bookjob.errors import InvalidBook
from bookjob.output import file_stem

#: The longest text that the service reads, in characters.
MAX_CHARACTERS: Final = 5_000_000
#: UTF-8 takes at most four bytes for a character; what is larger need not be read to be refused.
_MAX_BYTES: Final = 4 * MAX_CHARACTERS + len(codecs.BOM_UTF8)

#: How many bytes of a file are looked at together.
_PIECE: Final = 1024 * 1024

_STANDARD_INPUT: Final = Path("-")

#: What a file starts with when it is no plain text, what it is then, and what to do about it.
_OTHER_FORMATS: Final = (
    (b"%PDF-", "a PDF", "export its text first, for example with `pdftotext FILE.pdf`"),
    (b"{\\rtf", "a rich-text (RTF) document", "save it as plain text (UTF-8) first"),
    (b"\x1f\x8b", "compressed with gzip", "unpack it first with `gunzip`"),
    (b"\xd0\xcf\x11\xe0", "an old Word document", "save it as plain text (UTF-8) first"),
    # Before UTF-16, whose mark is the start of this one.
    (codecs.BOM_UTF32_LE, "UTF-32 text", "convert it first: `iconv -f UTF-32 -t UTF-8 FILE > book.txt`"),
    (codecs.BOM_UTF32_BE, "UTF-32 text", "convert it first: `iconv -f UTF-32 -t UTF-8 FILE > book.txt`"),
    (codecs.BOM_UTF16_LE, "UTF-16 text", "convert it first: `iconv -f UTF-16 -t UTF-8 FILE > book.txt`"),
    (codecs.BOM_UTF16_BE, "UTF-16 text", "convert it first: `iconv -f UTF-16 -t UTF-8 FILE > book.txt`"),
)
_ZIP: Final = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Book:
    """A text that the service can read."""

    #: The name that its results carry, made from the file's name.
    book_id: str
    #: The text, or the file that has it.
    text: str | Path


def load(path: Path) -> Book:
    """Return the book in a plain-text file (UTF-8), or on standard input for `-`; raises InvalidBook."""
    if path == _STANDARD_INPUT:
        return Book("stdin", "".join(_texts(_pieces(sys.stdin.buffer), "standard input")))
    return Book(file_stem(path.stem), "".join(_texts(_pieces_of(path), str(path))))


def inspect(path: Path) -> Book:
    """Return the book in a file, having looked through it but kept nothing of it in memory; otherwise as `load`.

    What is no regular file, such as a pipe, is kept: it can be read but once.
    """
    if path == _STANDARD_INPUT or not path.is_file():
        return load(path)
    for _ in _texts(_pieces_of(path), str(path)):
        pass
    return Book(file_stem(path.stem), path)


def decode(content: bytes, name: str) -> str:
    """Return the text of a file's bytes without a byte-order mark; raises InvalidBook, which calls the file `name`."""
    return "".join(_texts([content], name))


def encode(text: str) -> bytes:
    """Return a text as it is sent; raises InvalidBook for the half of a surrogate pair, which UTF-8 cannot say."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidBook(
            f"The text is not Unicode: there is a lone surrogate, {text[error.start]!a}, at character {error.start:,}. "
            "Was it decoded with another encoding than its own?"
        ) from error


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: file.read(_PIECE), b"")


def _pieces_of(path: Path) -> Iterator[bytes]:
    if path.is_dir():
        raise InvalidBook(f"{path} is a folder; name one plain-text file in it.")
    try:
        with path.open("rb") as file:
            yield from _pieces(file)
    except FileNotFoundError as error:
        raise InvalidBook(f"There is no file {path}.") from error
    except OSError as error:
        raise InvalidBook(f"{path} cannot be read: {error.strerror or error}.") from error


def _texts(pieces: Iterable[bytes], name: str) -> Iterator[str]:
    """Yield the text of a file piece by piece, without a byte-order mark; raises InvalidBook, which calls it `name`."""
    decoder = _Decoder(name)
    characters, blank = 0, True
    for piece in chain(pieces, [b""]):
        text = decoder.decode(piece)
        characters += len(text)
        blank = blank and (not text or text.isspace())
        yield text
    if blank:
        raise InvalidBook(f"{name} is empty: there is nothing to read in it.")
    if characters > MAX_CHARACTERS:
        raise InvalidBook(
            f"{name} is too long: it has {characters:,} characters, "
            f"and the service reads at most {MAX_CHARACTERS:,} at once; split it."
        )


class _Decoder:
    """Makes text of the bytes of a file, and knows where in it they are."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._size = 0
        self._lines = 0

    def decode(self, piece: bytes) -> str:
        """Return the text of the next bytes, of which none are the file's end; raises InvalidBook."""
        at_start = self._size == 0
        if at_start:
            _refuse_other_formats(piece, self._name)
        if self._size + len(piece) > _MAX_BYTES:
            raise InvalidBook(
                f"{self._name} is too long: the service reads at most {MAX_CHARACTERS:,} characters at once."
            )
        if (nul := piece.find(b"\0")) >= 0:
            raise InvalidBook(
                f"{self._name} is not plain text: there is a NUL byte at offset {self._size + nul:,}. If it is UTF-16 "
                "without a mark, convert it first: `iconv -f UTF-16LE -t UTF-8 FILE > book.txt`; save anything else "
                "as plain text (UTF-8) first."
            )
        before = self._size - len(self._utf8.getstate()[0])
        try:
            text = self._utf8.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            raise InvalidBook(self._not_utf8(error, before)) from error
        self._size += len(piece)
        self._lines += piece.count(b"\n")
        return text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}") if at_start else text

    def _not_utf8(self, error: UnicodeDecodeError, before: int) -> str:
        line = self._lines + error.object.count(b"\n", 0, error.start) + 1
        return (
            f"{self._name} is not UTF-8: byte 0x{error.object[error.start]:02X} at offset {before + error.start:,} "
            f"(line {line:,}). If it is an older Western text, convert it first: "
            "`iconv -f WINDOWS-1252 -t UTF-8 FILE > book.txt`."
        )


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
