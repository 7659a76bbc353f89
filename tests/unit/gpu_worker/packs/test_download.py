"""A large file over HTTP, from servers and lines that fail."""

import fcntl
import random
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gpu_worker.packs import download
from gpu_worker.packs.errors import DownloadFailed

from .file_server import Files, serving

CONTENT = random.Random(1).randbytes(1_000_000)


@pytest.fixture
def files() -> Iterator[Files]:
    with serving() as files:
        files.content["a.model"] = CONTENT
        yield files


class Fetching:
    """Downloads `a.model` into a folder; notes what it was told and how long it waited."""

    def __init__(self, files: Files, folder: Path) -> None:
        self.url, self.path = f"{files.url}/a.model", folder / "a.model"
        self.heard: list[tuple[int, int | None]] = []
        self.waits: list[float] = []

    def __call__(self) -> bytes:
        with download.client() as http:
            download.fetch(http, self.url, self.path, lambda *heard: self.heard.append(heard), self.waits.append)
        return self.path.read_bytes()


@pytest.fixture
def fetch(files: Files, tmp_path: Path) -> Fetching:
    return Fetching(files, tmp_path)


def test_a_file_arrives_whole_and_its_progress_is_told(fetch: Fetching) -> None:
    assert fetch() == CONTENT
    assert fetch.heard == sorted(fetch.heard)
    assert fetch.heard[-1] == (len(CONTENT), len(CONTENT))
    assert list(fetch.path.parent.iterdir()) == [fetch.path]


def test_a_broken_connection_is_taken_up_where_it_broke(fetch: Fetching, files: Files) -> None:
    files.breaks = [300_000, 200_000]
    assert fetch() == CONTENT
    assert files.asked == [
        ("a.model", None, None),
        ("a.model", "bytes=300000-", '"one"'),
        ("a.model", "bytes=500000-", '"one"'),
    ]


def test_a_later_run_goes_on_where_an_earlier_one_gave_up(fetch: Fetching, files: Files) -> None:
    files.breaks = [300_000, 0, 0, 0]
    with pytest.raises(DownloadFailed, match="cannot be fetched"):
        fetch()
    assert not fetch.path.exists()
    assert fetch.waits == [1, 2, 4]
    assert fetch() == CONTENT
    assert files.asked[-1] == ("a.model", "bytes=300000-", '"one"')


def test_two_versions_of_a_file_are_never_joined(fetch: Fetching, files: Files) -> None:
    files.breaks = [300_000, 0, 0, 0]
    with pytest.raises(DownloadFailed):
        fetch()
    files.version, files.content["a.model"] = '"two"', CONTENT[::-1]
    assert fetch() == CONTENT[::-1]


def test_without_a_version_to_ask_for_it_begins_anew(fetch: Fetching, files: Files) -> None:
    files.version, files.breaks = None, [300_000]
    assert fetch() == CONTENT
    assert [wanted for _, wanted, _ in files.asked] == [None, None]


def test_a_part_that_is_the_whole_file_is_not_asked_for_again(fetch: Fetching, files: Files) -> None:
    fetch.path.with_name("a.model.part").write_bytes(CONTENT)
    fetch.path.with_name("a.model.version").write_text('"one"')
    assert fetch() == CONTENT


def test_a_part_that_is_more_than_the_file_is_dropped(fetch: Fetching, files: Files) -> None:
    fetch.path.with_name("a.model.part").write_bytes(CONTENT + b"more")
    fetch.path.with_name("a.model.version").write_text('"one"')
    assert fetch() == CONTENT


def test_a_file_that_the_server_has_not_is_told_with_its_address(fetch: Fetching, files: Files) -> None:
    files.content.clear()
    with pytest.raises(DownloadFailed, match=rf"{fetch.url} answers 404 Not Found"):
        fetch()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/a.model", "ftp://127.0.0.1/a.model", "http://[::x/a.model"])
def test_an_address_that_leads_nowhere_is_told(fetch: Fetching, url: str) -> None:
    fetch.url = url
    with pytest.raises(DownloadFailed, match=r"cannot be fetched|is no address"):
        fetch()


def test_an_address_that_leads_in_a_circle_is_told_at_once(tmp_path: Path) -> None:
    circle = httpx.MockTransport(lambda asked: httpx.Response(302, headers={"Location": str(asked.url)}))
    waits: list[float] = []
    with (
        httpx.Client(transport=circle, follow_redirects=True) as http,
        pytest.raises(DownloadFailed, match=r"http://round\.example cannot be fetched: .*redirects"),
    ):
        download.fetch(http, "http://round.example", tmp_path / "a.model", lambda *_: None, waits.append)
    assert waits == []


def test_two_downloads_of_one_file_do_not_mix(fetch: Fetching) -> None:
    with fetch.path.with_name("a.model.part").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(DownloadFailed, match="Another process downloads"):
            fetch()
