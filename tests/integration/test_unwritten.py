"""What the emulator keeps of an object for which the disk had no room when it came."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.local import emulator
from infra.local.clients import client
from infra.local.ports import free_port
from infra.local.processes import Child

BUCKET, KEY, TEXT = "books", "texts/one", b"Call me Ishmael."


@contextmanager
def running(state: Path, folder: Path) -> Iterator[Any]:
    """Run an emulator that keeps its state, and give a client of its S3."""
    port = free_port()
    child = Child.start("emulator", [emulator.MODULE], emulator.environment(port, state, folder), folder / "log")
    try:
        emulator.wait_until_ready(port, child)
        yield client("s3", port)
    finally:
        child.ask_to_stop()
        child.see_stopped(patience=20)


def test_a_text_that_came_while_the_disk_was_full_is_there_after_the_next_start(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with running(state, tmp_path) as s3:
        s3.create_bucket(Bucket=BUCKET)
        (folder,) = (state / "objects").glob(f"*/{BUCKET}")
        folder.rmdir()
        folder.touch()  # nothing can be written into what is no folder
        s3.put_object(Bucket=BUCKET, Key=KEY, Body=TEXT)
        folder.unlink()

    with running(state, tmp_path) as s3:
        assert s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == TEXT
