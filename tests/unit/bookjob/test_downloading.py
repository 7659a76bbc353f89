"""How both clients fetch results and files: to the disk, whole or not at all, from wherever the service sends them."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from bookjob import errors
from bookjob.async_client import AsyncClient
from bookjob.client import Client
from tests.disks import disk_with_room_for

from .conftest import JOB_ID, Connect, ScriptedService


def test_a_large_result_is_fetched_from_storage_without_showing_it_the_key(connect: Connect, tmp_path: Path) -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if request.url.host == "localhost":
            return httpx.Response(303, headers={"Location": "https://storage.example/result?signature=s"})
        return httpx.Response(200, content=b"stored")

    connect(answer, api_key="secret").download_result(JOB_ID, tmp_path / "result.json")

    assert (tmp_path / "result.json").read_bytes() == b"stored"
    assert asked[0].headers["X-API-Key"] == "secret"
    assert "X-API-Key" not in asked[1].headers


def test_a_path_may_be_written_as_text(client: Client, service: ScriptedService, tmp_path: Path) -> None:
    client.download_file(JOB_ID, "tokens", str(tmp_path / "emma.tokens"))

    assert (tmp_path / "emma.tokens").read_bytes() == service.files["tokens"]


class BrokenBody(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body whose connection breaks after its first bytes."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"half"
        raise httpx.ReadError("the connection broke")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self:
            yield part


def test_a_download_that_breaks_is_begun_anew(client: Client, service: ScriptedService, tmp_path: Path) -> None:
    service.files["tokens"] = b"all of it"
    service.fail("GET", "tokens", httpx.Response(200, stream=BrokenBody()))

    client.download_file(JOB_ID, "tokens", tmp_path / "emma.tokens")

    assert (tmp_path / "emma.tokens").read_bytes() == b"all of it"


def test_a_download_that_fails_leaves_the_earlier_file_alone(
    client: Client, service: ScriptedService, tmp_path: Path
) -> None:
    earlier = tmp_path / "emma.tokens"
    earlier.write_bytes(b"earlier")
    service.fail("GET", "tokens", *[httpx.Response(200, stream=BrokenBody()) for _ in range(4)])

    with pytest.raises(errors.ServiceUnreachable):
        client.download_file(JOB_ID, "tokens", earlier)

    assert [file.name for file in tmp_path.iterdir()] == ["emma.tokens"]
    assert earlier.read_bytes() == b"earlier"


class Words(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body of 400,000 bytes."""

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(4):
            yield b"word" * 25_000

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self:
            yield part


def test_a_download_tells_how_far_it_is(client: Client, service: ScriptedService, tmp_path: Path) -> None:
    service.fail("GET", "tokens", httpx.Response(200, headers={"Content-Length": "400000"}, stream=Words()))
    told: list[tuple[int, int | None]] = []

    client.download_file(JOB_ID, "tokens", tmp_path / "t", on_progress=lambda done, total: told.append((done, total)))

    assert told == [(done, 400_000) for done in (100_000, 200_000, 300_000, 400_000)]


def test_a_disk_that_fills_up_during_a_download_is_told_and_nothing_stays(
    client: Client, service: ScriptedService, tmp_path: Path
) -> None:
    service.fail("GET", "tokens", httpx.Response(200, stream=Words()))

    with disk_with_room_for(150_000), pytest.raises(errors.OutputNotWritable, match=r"emma\.tokens cannot be written"):
        client.download_file(JOB_ID, "tokens", tmp_path / "emma.tokens")

    assert list(tmp_path.iterdir()) == []
    assert len(service.requests) == 1


def test_a_link_that_storage_refuses_is_told_as_such(connect: Connect, tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "localhost":
            return httpx.Response(303, headers={"Location": "https://storage.example/result?signature=s"})
        return httpx.Response(403, text="<Error><Message>Request has expired</Message></Error>")

    with pytest.raises(errors.NotAllowed, match="storage refused the download: Request has expired"):
        connect(answer).download_result(JOB_ID, tmp_path / "result.json")
    assert list(tmp_path.iterdir()) == []


def test_a_storage_that_cannot_be_reached_is_named_without_its_signature(connect: Connect) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "localhost":
            return httpx.Response(303, headers={"Location": "https://storage.example/result?signature=s"})
        raise httpx.ConnectError("refused")

    with pytest.raises(errors.StorageUnreachable, match=r"storage, storage\.example \(no connection: refused\)"):
        connect(answer).result(JOB_ID)


class Stalling(httpx.AsyncByteStream):
    """A body that never goes on."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"half"
        await asyncio.sleep(3600)


def test_an_awaited_download_that_is_called_off_leaves_no_trace(tmp_path: Path) -> None:
    async def give_up() -> None:
        transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=Stalling()))
        async with AsyncClient(transport=transport) as client:
            download = asyncio.create_task(client.download_result(JOB_ID, tmp_path / "result.json"))
            while not list(tmp_path.iterdir()):
                await asyncio.sleep(0)
            download.cancel()
            with pytest.raises(asyncio.CancelledError):
                await download

    asyncio.run(give_up())
    assert list(tmp_path.iterdir()) == []


class Large(httpx.SyncByteStream):
    """A body of 32 MiB that is made as it is sent."""

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(512):
            yield bytes(64 * 1024)


def peak_of(action: Callable[[], object]) -> int:
    """Return how many bytes of memory an action takes at most."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_result_is_never_whole_in_memory(tmp_path: Path) -> None:
    with Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, stream=Large()))) as client:
        assert peak_of(lambda: client.download_result(JOB_ID, tmp_path / "result.json")) < 8_000_000
    assert (tmp_path / "result.json").stat().st_size == 512 * 64 * 1024
