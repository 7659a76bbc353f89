"""How alike two runs' output files are, in lines."""

import json
import re
from collections import Counter
from collections.abc import Mapping
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


def compare_all(ours: Mapping[str, str], theirs: Mapping[str, str]) -> dict[str, Likeness]:
    """Compare all files of two runs over a text; a file that one of them lacks is empty there."""
    return {name: compare(name, ours.get(name, ""), theirs.get(name, "")) for name in sorted({*ours, *theirs})}


def with_clusters_named(files: Mapping[str, str]) -> dict[str, str]:
    """Return a text's files with each cluster named by its first mention's place, and not numbered.

    Numbers are given in order, so one mention more or less moves all that follow: files that say the same about
    nearly every mention would differ in nearly every line.
    """
    names: dict[str, str] = {}
    for row in files["entities"].split("\n")[1:-1]:
        number, start, end, _ = row.split("\t", 3)
        names.setdefault(number, f"@{start}-{end}")
    named = dict(files)
    named["entities"] = _renamed(r"(?m)^(\d+)(?=\t)", files["entities"], names)
    named["quotes"] = _renamed(r"(?m)(?<=\t)(\d+)(?=\t[^\t\n]*$)", files["quotes"], names)
    named["book.html"] = _renamed(r"(?<=<sub>)(\d+)(?=-)|(?<=<sub>\[)(\d+)(?=-)", files["book.html"], names)
    characters = json.loads(files["book"])["characters"]
    described = [character | {"id": names[str(character["id"])]} for character in characters]
    named["book"] = json.dumps({"characters": described})
    return named


def _renamed(pattern: str, content: str, names: Mapping[str, str]) -> str:
    return re.sub(pattern, lambda found: names.get(found[0], found[0]), content)


def read_files(folder: Path, text: str) -> dict[str, str]:
    """Return the files of a text in a folder by the ends of their names."""
    return {path.name.removeprefix(f"{text}."): _read(path) for path in folder.glob(f"{text}.*")}


def _read(path: Path) -> str:
    return path.read_bytes().decode() if path.exists() else ""


def _lines(name: str, content: str) -> list[str]:
    """Return a file's lines: of `.book` its characters, of the page its paragraphs too."""
    if name.endswith("book"):
        return [json.dumps(character) for character in json.loads(content or '{"characters": []}')["characters"]]
    if name.endswith("html"):
        return re.split(r"\n|<p />", content)
    return content.split("\n")
