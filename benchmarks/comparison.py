"""How alike two runs' output files are, in lines."""

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two versions of a file, or of several files together."""

    lines: int
    alike: int
    #: Some lines that one version has and the other has not.
    examples: tuple[tuple[str, str], ...] = ()

    @property
    def share(self) -> float:
        """The share of lines that are identical."""
        return self.alike / self.lines if self.lines else 1.0

    def __add__(self, other: "Likeness") -> "Likeness":
        return Likeness(self.lines + other.lines, self.alike + other.alike, self.examples + other.examples)


def compare(name: str, ours: str, theirs: str) -> Likeness:
    """Compare two versions of the file `name`; lines count wherever they stand, for most tell their position."""
    one, other = Counter(_lines(name, ours)), Counter(_lines(name, theirs))
    differing = zip((one - other).elements(), (other - one).elements(), strict=False)
    return Likeness(max(one.total(), other.total()), (one & other).total(), tuple(differing))


def compare_folders(ours: Path, theirs: Path) -> dict[str, Likeness]:
    """Compare all files of two folders; a file that one of them lacks is empty there."""
    names = sorted({path.name for folder in (ours, theirs) for path in folder.iterdir()})
    return {name: compare(name, _read(ours / name), _read(theirs / name)) for name in names}


def _read(path: Path) -> str:
    return path.read_bytes().decode() if path.exists() else ""


def _lines(name: str, content: str) -> list[str]:
    """Return a file's lines: of `.book` its characters, of the page its paragraphs too."""
    if name.endswith("book"):
        return [json.dumps(character) for character in json.loads(content or '{"characters": []}')["characters"]]
    if name.endswith("html"):
        return re.split(r"\n|<p />", content)
    return content.split("\n")
