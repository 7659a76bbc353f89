"""The code of the Lambda functions as the archive that is uploaded: `functions/` and `jobs/`, nothing else.

Their libraries are not in it, since the emulator runs functions in its own interpreter; `sam build` packs those for
the cloud.
"""

import hashlib
import io
import zipfile
from pathlib import Path

from infra.local.template import PROJECT

#: The packages that a function's code consists of.
PACKAGES = ("functions", "jobs")

#: The earliest time that a zip archive can hold; a fixed one makes equal code an equal archive.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def package(project: Path = PROJECT) -> bytes:
    """Return the archive; equal code makes equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in _sources(project):
            member = zipfile.ZipInfo(path.relative_to(project).as_posix(), _EPOCH)
            member.external_attr = 0o644 << 16
            archive.writestr(member, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def digest(*parts: bytes) -> str:
    """Return a name for the content of all parts together."""
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()[:16]


def _sources(project: Path) -> list[Path]:
    found = (path for name in PACKAGES for path in (project / name).rglob("*") if path.is_file())
    return sorted(path for path in found if "__pycache__" not in path.parts)
