"""Lists of SHA-256 in the form of `sha256sum`: upstream publishes none, so the first download is recorded in one."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from gpu_worker.packs.errors import ChecksumMismatch

_LINE = re.compile(r"(?P<sha256>[0-9a-f]{64}) [ *](?P<name>.+)")


def read(path: Path) -> dict[str, str]:
    """Return each file's SHA-256 by its name; raises ChecksumMismatch for a list that cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ChecksumMismatch(f"{path} cannot be read as a list of checksums: {error}") from error
    found = [_LINE.fullmatch(line) for line in lines if line.strip()]
    if not found or None in found:
        raise ChecksumMismatch(f"{path} is no list of checksums: each line is a SHA-256, two spaces and a file's name")
    return {Path(line["name"]).name: line["sha256"] for line in found if line is not None}


def write(path: Path, sums: Mapping[str, str]) -> None:
    """Write such a list."""
    path.write_text("".join(f"{sums[name]}  {name}\n" for name in sorted(sums)), encoding="utf-8")


def require(names: Iterable[str], expected: Mapping[str, str], source: Path) -> None:
    """Raise ChecksumMismatch where a file is not in the list `source`, which can be told before it is fetched."""
    for name in names:
        if name not in expected:
            raise ChecksumMismatch(f"{source} has no checksum for {name}")


def compare(found: Mapping[str, str], expected: Mapping[str, str], source: Path) -> None:
    """Raise ChecksumMismatch where a file's SHA-256 is not that of the list `source`, which has all of them."""
    for name, sha256 in found.items():
        if sha256 != expected[name]:
            raise ChecksumMismatch(f"{name} has SHA-256 {sha256}, but {source} has {expected[name]}")
