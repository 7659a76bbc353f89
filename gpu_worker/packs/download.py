"""Fetching one large file over HTTP, going on where an earlier try stopped.

What arrived is kept in `NAME.part`. The rest is asked for by a range (RFC 9110, section 14) on the condition that the
file is still the one it was (`If-Range`, section 13.1.5): two versions are never joined.
"""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx

from gpu_worker.packs.errors import DownloadFailed

#: How often a broken connection is taken up again before giving up, unless it brought something each time.
_TRIES = 4

#: Seconds until the first new try; each further one waits twice as long.
_PAUSE = 1.0

#: Told the bytes that are here, and how many there will be if that is known.
Advance = Callable[[int, int | None], None]


def client() -> httpx.Client:
    """Return a client for large files from a slow server.

    Raises `DownloadFailed` where the environment names a proxy that cannot be used, which httpx reads now.
    """
    try:
        return httpx.Client(follow_redirects=True, timeout=httpx.Timeout(30, pool=None))
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        raise DownloadFailed(
            f"the environment names a proxy that cannot be used ({error}); set HTTP_PROXY or ALL_PROXY to one like "
            "http://proxy.example:3128, or unset it"
        ) from error


def fetch(
    http: httpx.Client, url: str, path: Path, advance: Advance, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Download `url` to `path`, which appears whole or not at all; raises DownloadFailed."""
    with _part(path) as file:
        download = _Download(http, url, file, path.with_name(f"{path.name}.version"), advance)
        _persist(download, sleep)
        path.with_name(f"{path.name}.part").rename(path)
        download.version.unlink(missing_ok=True)


@contextmanager
def _part(path: Path) -> Iterator[IO[bytes]]:
    """Open what arrived so far, for this process alone."""
    with path.with_name(f"{path.name}.part").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as held:
            raise DownloadFailed(f"Another process downloads {path.name} just now; wait for it.") from held
        yield file


def _persist(download: "_Download", sleep: Callable[[float], None]) -> None:
    """Try until the file is whole; raises DownloadFailed."""
    failures = 0
    while True:
        before = download.here
        try:
            return download.receive()
        except httpx.InvalidURL as error:
            raise DownloadFailed(f"{download.url} is no address: {error}") from error
        except httpx.RequestError as error:
            failures = 1 if download.here > before else failures + 1
            if failures == _TRIES or isinstance(error, (httpx.UnsupportedProtocol, httpx.TooManyRedirects)):
                reason = str(error) or type(error).__name__
                raise DownloadFailed(f"{download.url} cannot be fetched: {reason}") from error
            sleep(_PAUSE * 2 ** (failures - 1))


@dataclass(frozen=True, slots=True)
class _Download:
    """A file on its way."""

    http: httpx.Client
    url: str
    #: What arrived so far, open for appending.
    file: IO[bytes]
    #: Where the server's name for the file's version is kept.
    version: Path
    advance: Advance

    @property
    def here(self) -> int:
        """How many bytes are here."""
        return self.file.tell()

    def receive(self) -> None:
        """Receive what is missing; raises DownloadFailed, and httpx's RequestError when the connection broke."""
        with self.http.stream("GET", self.url, headers=self._headers()) as answer:
            match answer.status_code:
                case httpx.codes.OK:
                    self.file.truncate(0)
                    self.file.seek(0)
                    self._note(answer)
                    self._keep(answer)
                case httpx.codes.PARTIAL_CONTENT if _first(answer) == self.here:
                    self._keep(answer)
                case httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                    self._end(answer)
                case code:
                    raise DownloadFailed(f"{self.url} answers {code} {answer.reason_phrase}; try again later.")

    def _keep(self, answer: httpx.Response) -> None:
        """Write down what arrives, as it arrives."""
        total = self.here + int(answer.headers["Content-Length"]) if "Content-Length" in answer.headers else None
        for chunk in answer.iter_raw():
            self.file.write(chunk)
            self.advance(self.here, total)
        self.file.flush()

    def _headers(self) -> dict[str, str]:
        """Ask for the rest where the server said which version it was, else for all; packed answers have no ranges."""
        whole = {"Accept-Encoding": "identity"}
        if not self.here or not self.version.exists():
            return whole
        return whole | {"Range": f"bytes={self.here}-", "If-Range": self.version.read_text("utf-8")}

    def _note(self, answer: httpx.Response) -> None:
        """Keep the version's name, a strong one alone (RFC 9110, section 8.8.1)."""
        tag = answer.headers.get("ETag", "")
        version = tag if tag.startswith('"') else answer.headers.get("Last-Modified", "")
        if version:
            self.version.write_text(version, "utf-8")
        else:
            self.version.unlink(missing_ok=True)

    def _end(self, answer: httpx.Response) -> None:
        """Check that nothing is missing, for the server has nothing beyond what is here."""
        total = answer.headers.get("Content-Range", "").rpartition("/")[2]
        if total != str(self.here):
            self.version.unlink(missing_ok=True)
            raise httpx.RemoteProtocolError("what was downloaded before is not a part of the file; it begins anew")


def _first(answer: httpx.Response) -> int | None:
    """Return the place of a partial answer's first byte."""
    first = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return int(first) if first.isdigit() else None
