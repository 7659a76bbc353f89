"""Model packs that are not installed with the worker: fetched from the pack bucket once, and verified.

A pack lies under `packs/NAME/`, its `manifest.json` beside the files that it lists. What is fetched is kept in a folder
named by the manifest's own digest, so a pack that was replaced in the bucket is fetched anew, and one that is there is
whole.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from gpu_worker.errors import PermanentFailure
from gpu_worker.logs import logger
from gpu_worker.packs.places import is_plain

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MANIFEST = "manifest.json"

#: Bytes that are read and hashed at a time.
CHUNK = 1 << 20


class _File(BaseModel):
    sha256: str


class _Listing(BaseModel):
    """What of a manifest the fetching needs; the engine checks all of it."""

    files: Mapping[str, _File]


def fetch_pack(client: "S3Client", bucket: str, name: str, shelf: Path, check: Callable[[], None]) -> Path | None:
    """Return the folder of the bucket's pack on the shelf, fetched if need be, or None where the bucket has none.

    `check` is called with every piece, to raise what breaks the fetching off. Raises PermanentFailure when the bucket's
    pack is not what its manifest says, and what boto3 raises.
    """
    if not is_plain(name):
        return None
    try:
        manifest = client.get_object(Bucket=bucket, Key=f"packs/{name}/{MANIFEST}")["Body"].read()
    except client.exceptions.NoSuchKey:
        return None
    folder = shelf / f"{name}-{hashlib.sha256(manifest).hexdigest()[:16]}"
    if not folder.is_dir():
        with tempfile.TemporaryDirectory(dir=shelf, prefix=f".{name}-") as unfinished:
            whole = Path(unfinished) / name
            _fetch_files(client, bucket, name, manifest, whole, check)
            _put(whole, folder)
        logger.info("fetched a model pack", pack=name, folder=str(folder))
    return folder


def _fetch_files(
    client: "S3Client", bucket: str, name: str, manifest: bytes, into: Path, check: Callable[[], None]
) -> None:
    try:
        files = _Listing.model_validate_json(manifest).files
    except ValidationError as error:
        raise _damaged(name) from error
    into.mkdir()
    for file, expected in files.items():
        if not is_plain(file):
            raise _damaged(name)
        try:
            stored = client.get_object(Bucket=bucket, Key=f"packs/{name}/{file}")
        except client.exceptions.NoSuchKey as error:
            raise _damaged(name) from error
        digest = hashlib.sha256()
        with (into / file).open("wb") as target:
            for chunk in stored["Body"].iter_chunks(CHUNK):
                check()
                digest.update(chunk)
                target.write(chunk)
        if digest.hexdigest() != expected.sha256:
            raise _damaged(name)
    (into / MANIFEST).write_bytes(manifest)


def _put(whole: Path, folder: Path) -> None:
    """Let the folder appear in one step; another worker of this machine may have been quicker."""
    try:
        os.rename(whole, folder)  # noqa: PTH104 - replaces no folder that holds something
    except OSError:
        if not folder.is_dir():
            raise


def _damaged(name: str) -> PermanentFailure:
    return PermanentFailure(f"The model pack '{name}' is damaged where the worker fetches it; choose another model.")
