"""The folder of one attempt, in which the worker and the engine's process leave things for each other.

text                    the book, UTF-8
checkpoints/{stage}     the output of a finished stage
result.json.gz          the body of `GET /v1/jobs/{job_id}/result`
files/{name}.gz         BookNLP's own files
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Scratch:
    """Where things lie in an attempt's folder."""

    folder: Path

    @property
    def text(self) -> Path:
        """The book."""
        return self.folder / "text"

    @property
    def result(self) -> Path:
        """The gzipped result."""
        return self.folder / "result.json.gz"

    def checkpoint(self, stage: str) -> Path:
        """Return the place of the output of a finished stage."""
        return self.folder / "checkpoints" / stage

    def file(self, name: str) -> Path:
        """Return the place of one of BookNLP's own files, gzipped."""
        return self.folder / "files" / f"{name}.gz"

    def files(self) -> Iterator[tuple[str, Path]]:
        """Yield name and place of each of BookNLP's own files that is there."""
        for path in sorted((self.folder / "files").iterdir()):
            yield path.name.removesuffix(".gz"), path

    def lay_out(self) -> None:
        """Make the folders within the folder."""
        (self.folder / "checkpoints").mkdir()
        (self.folder / "files").mkdir()
