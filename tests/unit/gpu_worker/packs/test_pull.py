"""Upstream's files become a pack: small stand-ins in upstream's exact layout, served over HTTP."""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from gpu_worker.engine.errors import PackError
from gpu_worker.engine.layout import Model
from gpu_worker.engine.manifest import read_manifest
from gpu_worker.engine.pack import load_pack, read_weights
from gpu_worker.engine.upstream_layout import sizes_of
from gpu_worker.packs import checksums, download
from gpu_worker.packs.errors import ChecksumMismatch, DownloadFailed
from gpu_worker.packs.places import find
from gpu_worker.packs.published import PUBLISHED
from gpu_worker.packs.pull import RECORD, Pulled, pull
from gpu_worker.packs.store import PackStore
from tests.standins import TINY, lay_out

from .file_server import Files, serving


@pytest.fixture(scope="module")
def upstreams(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of upstream's three files, with the buffer of positions that its own have."""
    return lay_out(TINY, tmp_path_factory.mktemp("upstream"))


@pytest.fixture
def files(upstreams: Path) -> Iterator[Files]:
    with serving() as files:
        files.content = {name: (upstreams / name).read_bytes() for name in TINY.files.values()}
        yield files


@pytest.fixture
def store(tmp_path: Path) -> PackStore:
    return PackStore(tmp_path / "packs")


def fetch(store: PackStore, files: Files, **more: Path) -> Pulled:
    return pull(TINY, store, lambda *_: None, address=files.url, **more)


def test_what_was_downloaded_is_a_pack_with_upstreams_weights(store: PackStore, files: Files, upstreams: Path) -> None:
    heard: list[tuple[str, int, int | None]] = []
    pull(TINY, store, lambda *told: heard.append(told), address=files.url)
    (small,) = [pack for pack in store.installed() if pack.name == "small"]
    assert small.manifest is not None
    assert (small.manifest.version, small.fault) == ("1.0.1", None)
    assert small.manifest.scores == TINY.scores
    pack = load_pack(small.folder, "cpu")
    assert {model: pack.manifest.encoder_of(model).shape for model in Model} == {
        model: sizes_of(name) for model, name in TINY.files.items()
    }
    weights = read_weights(small.folder, read_manifest(small.folder))
    state = torch.load(upstreams / TINY.files[Model.COREF], weights_only=True)
    assert torch.equal(weights["coref.mention_mention1.weight"], state["mention_mention1.weight"])
    assert torch.equal(weights["coref.added_embeddings"], state["bert.embeddings.word_embeddings.weight"][-1:])
    assert {name for name, _, _ in heard} == set(TINY.files.values())
    assert sorted(path.name for path in store.folder.iterdir()) == ["small"]


def test_the_first_download_is_recorded_and_later_ones_are_checked_against_it(store: PackStore, files: Files) -> None:
    first = fetch(store, files)
    assert first.checked_against is None
    recorded = checksums.read(first.folder / RECORD)
    assert recorded == {name: hashlib.sha256(content).hexdigest() for name, content in files.content.items()}
    assert fetch(store, files).checked_against == store.folder / "small" / RECORD

    name = TINY.files[Model.SPEAKER]
    files.content[name] += b"more"
    with pytest.raises(ChecksumMismatch, match=rf"{name} has SHA-256 .* has {recorded[name]}"):
        fetch(store, files)
    assert load_pack(store.folder / "small", "cpu").name == "small"


def test_a_list_of_checksums_decides_what_is_taken(store: PackStore, files: Files, tmp_path: Path) -> None:
    listed = tmp_path / "SHA256SUMS"
    listed.write_text("".join(f"{'0' * 64}  {name}\n" for name in files.content))
    with pytest.raises(ChecksumMismatch, match="has SHA-256"):
        fetch(store, files, expected=listed)
    listed.write_text(f"{'0' * 64} *another.model\n")
    files.asked.clear()
    with pytest.raises(ChecksumMismatch, match="has no checksum for entities"):
        fetch(store, files, expected=listed)
    assert files.asked == []
    listed.write_text("sha256 of the files\n")
    with pytest.raises(ChecksumMismatch, match="is no list of checksums"):
        fetch(store, files, expected=listed)
    assert find("small", store.folder) is None


@pytest.mark.parametrize("page", [b"<html>The site is being moved.</html>", b"error: busy, come again", b"hello"])
def test_a_file_that_is_no_model_is_refused_and_fetched_anew_the_next_time(
    store: PackStore, files: Files, page: bytes
) -> None:
    name = TINY.files[Model.COREF]
    content = files.content[name]
    files.content[name] = page
    with pytest.raises(PackError, match=f"^{name} cannot be read as a checkpoint of tensors alone$"):
        fetch(store, files)
    assert find("small", store.folder) is None
    files.content[name] = content
    assert fetch(store, files).folder == find("small", store.folder)


def test_of_files_that_a_list_refuses_in_part_the_others_are_not_fetched_again(
    store: PackStore, files: Files, tmp_path: Path
) -> None:
    listed, name = tmp_path / "SHA256SUMS", TINY.files[Model.COREF]
    listed.write_text("".join(f"{hashlib.sha256(text).hexdigest()}  {file}\n" for file, text in files.content.items()))
    content = files.content[name]
    files.content[name] = content + b"more"
    with pytest.raises(ChecksumMismatch, match=f"{name} has SHA-256"):
        fetch(store, files, expected=listed)
    files.content[name] = content
    files.asked.clear()
    fetch(store, files, expected=listed)
    assert [asked for asked, _, _ in files.asked] == [name]


def test_a_damaged_folder_costs_no_download_that_was_interrupted(
    store: PackStore, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_PAUSE", 0)
    files.breaks = [100_000, 0, 0, 0]
    with pytest.raises(DownloadFailed):
        fetch(store, files)
    for name in TINY.files.values():
        (tmp_path / name).write_bytes(b"damaged")
    with pytest.raises(PackError):
        fetch(store, files, source=tmp_path)
    files.asked.clear()
    fetch(store, files)
    assert files.asked[0][:2] == (TINY.files[Model.TAGGER], "bytes=100000-")


def test_a_server_that_gives_up_loses_nothing_that_arrived(
    store: PackStore, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_PAUSE", 0)
    files.breaks = [10**9, 100_000, 0, 0, 0]
    with pytest.raises(DownloadFailed):
        fetch(store, files)
    files.asked.clear()
    fetch(store, files)
    assert [(name, wanted) for name, wanted, _ in files.asked] == [
        (TINY.files[Model.COREF], "bytes=100000-"),
        (TINY.files[Model.SPEAKER], None),
    ]


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "http://127.0.0.1:port"])
def test_a_proxy_that_cannot_be_used_is_told_with_what_to_do(
    store: PackStore, files: Files, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(DownloadFailed, match="set HTTP_PROXY or ALL_PROXY to one like"):
        fetch(store, files)


def test_files_of_a_folder_need_no_network(store: PackStore, upstreams: Path, files: Files) -> None:
    fetch(store, files, source=upstreams)
    assert files.asked == []
    assert store.usable() == {"mini", "small"}
    assert (upstreams / TINY.files[Model.TAGGER]).exists()


def test_a_folder_without_all_files_is_told_what_it_lacks(store: PackStore, tmp_path: Path, files: Files) -> None:
    with pytest.raises(DownloadFailed, match=r"lacks entities_google.*coref_google.*speaker_google"):
        fetch(store, files, source=tmp_path)


def test_upstreams_published_packs_are_the_ones_that_upstream_names() -> None:
    from importlib.util import find_spec

    spec = find_spec("booknlp")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    source = (Path(spec.submodule_search_locations[0]) / "english" / "english_booknlp.py").read_text()
    for pack in PUBLISHED.values():
        assert pack.files.keys() == set(Model)
        for name in pack.files.values():
            assert f'"{name}"' in source
