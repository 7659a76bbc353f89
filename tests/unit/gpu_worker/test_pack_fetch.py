"""How a worker comes by a pack that is not installed with it."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from gpu_worker import pack_fetch
from gpu_worker.errors import PermanentFailure, ShutdownRequested
from infra.local import emulator

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "packs"
FILES = {"model.safetensors": b"weights", "vocab.txt": b"[PAD]\n"}


def manifest(files: dict[str, bytes]) -> bytes:
    listed = {name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)} for name, data in files.items()}
    return json.dumps({"format": "bookjob-pack/1", "name": "own", "files": listed}).encode()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator["S3Client"]:
    for name, value in emulator.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield client


def store(s3: "S3Client", files: dict[str, bytes], listing: bytes, pack: str = "own") -> None:
    for name, data in {**files, "manifest.json": listing}.items():
        s3.put_object(Bucket=BUCKET, Key=f"packs/{pack}/{name}", Body=data)


def fetch(s3: "S3Client", name: str, shelf: Path) -> Path | None:
    return pack_fetch.fetch_pack(s3, BUCKET, name, shelf, lambda: None)


def test_a_pack_of_the_bucket_is_fetched_whole(s3: "S3Client", tmp_path: Path) -> None:
    store(s3, FILES, manifest(FILES))
    folder = fetch(s3, "own", tmp_path)
    assert folder is not None
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {**FILES, "manifest.json": manifest(FILES)}
    assert list(tmp_path.iterdir()) == [folder], "nothing unfinished is left"


def test_a_pack_is_fetched_once(s3: "S3Client", tmp_path: Path) -> None:
    store(s3, FILES, manifest(FILES))
    folder = fetch(s3, "own", tmp_path)
    s3.delete_object(Bucket=BUCKET, Key="packs/own/model.safetensors")
    assert fetch(s3, "own", tmp_path) == folder


def test_a_pack_that_was_replaced_is_fetched_anew(s3: "S3Client", tmp_path: Path) -> None:
    store(s3, FILES, manifest(FILES))
    old = fetch(s3, "own", tmp_path)
    better = {**FILES, "model.safetensors": b"better weights"}
    store(s3, better, manifest(better))
    new = fetch(s3, "own", tmp_path)
    assert new is not None
    assert new != old
    assert (new / "model.safetensors").read_bytes() == b"better weights"


@pytest.mark.parametrize("name", ["other", ""])
def test_a_pack_that_the_bucket_has_not_is_none(s3: "S3Client", tmp_path: Path, name: str) -> None:
    store(s3, FILES, manifest(FILES))
    assert fetch(s3, name, tmp_path) is None


@pytest.mark.parametrize("name", ["own/..", "../packs/own", ".."])
def test_what_the_bucket_has_under_a_path_is_no_pack(s3: "S3Client", tmp_path: Path, name: str) -> None:
    store(s3, FILES, manifest(FILES), pack=name)
    assert fetch(s3, name, tmp_path) is None


@pytest.mark.parametrize(
    ("files", "listing"),
    [
        ({**FILES, "vocab.txt": b"[PAD]\nmore"}, manifest(FILES)),
        ({"model.safetensors": b"weights"}, manifest(FILES)),
        (FILES, b"{}"),
        ({**FILES, "../escaped": b"x"}, manifest({**FILES, "../escaped": b"x"})),
        ({**FILES, "..": b"x"}, manifest({**FILES, "..": b"x"})),
    ],
)
def test_a_damaged_pack_is_refused_and_not_kept(
    s3: "S3Client", tmp_path: Path, files: dict[str, bytes], listing: bytes
) -> None:
    store(s3, files, listing)
    with pytest.raises(PermanentFailure, match="'own' is damaged"):
        fetch(s3, "own", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_fetch_that_is_broken_off_ends_at_once_and_leaves_nothing(
    s3: "S3Client", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack_fetch, "CHUNK", 1)
    store(s3, FILES, manifest(FILES))
    checks = iter([None, None, ShutdownRequested])

    def check() -> None:
        if reason := next(checks):
            raise reason

    with pytest.raises(ShutdownRequested):
        pack_fetch.fetch_pack(s3, BUCKET, "own", tmp_path, check)
    assert list(tmp_path.iterdir()) == []
