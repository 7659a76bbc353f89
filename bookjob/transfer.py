"""Bytes on their way between the disk and the service, counted for whoever watches."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import IO, BinaryIO, TypeAlias, cast

import httpx

from bookjob.book import encode
from bookjob.errors import InvalidBook

#: A file by its path.
StrPath: TypeAlias = str | PathLike[str]
#: Is told of bytes as they pass: how many so far, and how many in all, where that is known.
OnProgress: TypeAlias = Callable[[int, int | None], None]
#: Is given an answer and the next piece of its body.
Save: TypeAlias = Callable[[httpx.Response, bytes], None]


@contextmanager
def opened(text: str | Path, on_progress: OnProgress | None) -> Iterator[IO[bytes]]:
    """Yield a text as a file of UTF-8 to send, never whole in memory if it is a file; raises InvalidBook."""
    try:
        file: BinaryIO = io.BytesIO(encode(text)) if isinstance(text, str) else _seekable(text.open("rb"))
    except OSError as error:
        raise InvalidBook(f"{text} cannot be read: {error.strerror or error}.") from error
    with file:
        yield cast("IO[bytes]", _Counted(file, on_progress)) if on_progress else file


def _seekable(file: BinaryIO) -> BinaryIO:
    """Return a file whose size is known and that can be sent twice: a pipe is read to its end first."""
    if file.seekable():
        return file
    with file:
        return io.BytesIO(file.read())


def save_to(file: IO[bytes], on_progress: OnProgress | None) -> Save:
    """Return what takes the pieces of an answer's body and writes them to a file."""

    def save(response: httpx.Response, piece: bytes) -> None:
        file.write(piece)
        if on_progress is not None:
            # Both count the body as it travels, which may be compressed.
            length = response.headers.get("Content-Length")
            on_progress(response.num_bytes_downloaded, int(length) if length else None)

    return save


class _Counted(io.BufferedIOBase):
    """A file that tells how far it has been read."""

    def __init__(self, file: BinaryIO, on_progress: OnProgress) -> None:
        self._file = file
        self._size = file.seek(0, io.SEEK_END)
        self._on_progress = on_progress

    def read(self, size: int | None = -1, /) -> bytes:
        piece = self._file.read(-1 if size is None else size)
        self._on_progress(self._file.tell(), self._size)
        return piece

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()
