"""Where results land on disk: names that are safe, files that appear whole or not at all."""

import os
import re
import secrets
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from bookjob.errors import OutputNotWritable

#: Bytes that a file's name may have on every common file system, with room for the longest suffix.
_MAX_NAME: Final = 200
_DEFAULT_NAME: Final = "book"


def file_stem(book_id: str) -> str:
    """Return a book's id as the start of a file name: letters, digits, `_`, `-` and inner dots; never empty.

    Nothing that a caller or a service writes into an id can name another folder or a hidden file.
    """
    # A name from a Mac may have its accents beside its letters, where they are no part of a word.
    safe = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", book_id)).strip("._-")
    return safe.encode()[:_MAX_NAME].decode(errors="ignore").rstrip("._-") or _DEFAULT_NAME


@contextmanager
def atomically(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file to write; it takes the place of `path` when all went well and leaves no trace otherwise.

    Raises OutputNotWritable, such as when the disk is full.
    """
    # Not one of `tempfile`, which is private: a result is as readable as any file that its owner makes.
    partial = path.parent / f".{path.name[:50]}.{secrets.token_hex(4)}"
    try:
        with partial.open("xb") as file:
            try:
                yield file
                file.flush()
                partial.replace(path)
            except BaseException:
                partial.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise OutputNotWritable(f"{path} cannot be written: {error.strerror or error}.") from error


@dataclass(frozen=True, slots=True)
class OutputFolder:
    """The folder of one book's results."""

    path: Path
    #: What each of its files starts with.
    stem: str

    @classmethod
    def prepare(cls, path: Path, book_id: str) -> "OutputFolder":
        """Return the folder, made if it was not there; raises OutputNotWritable when it cannot be one."""
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputNotWritable(f"{path} cannot be made a folder: {error.strerror or error}.") from error
        if not os.access(path, os.W_OK):
            raise OutputNotWritable(f"{path} cannot be written to; name another folder with -o.")
        return cls(path, file_stem(book_id))

    @property
    def result(self) -> Path:
        """The whole result as one JSON document."""
        return self.file("json")

    def file(self, suffix: str) -> Path:
        """Return the path of one of the files, such as `emma.tokens`."""
        return self.path / f"{self.stem}.{suffix}"
