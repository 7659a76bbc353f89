"""The packs of a machine: those that come with the code, and those that were put into a folder beside it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gpu_worker.engine.errors import PackError
from gpu_worker.engine.manifest import Manifest, check_sizes, read_manifest

#: The folder of the packs that come with the code.
BUNDLED = Path(__file__).parent

#: The pack that comes with the code.
MINI = BUNDLED / "mini"


@dataclass(frozen=True, slots=True)
class Installed:
    """A pack's folder, and what a look at it tells: its manifest, or why it is none that can be used."""

    name: str
    folder: Path
    manifest: Manifest | None
    #: Why the engine would refuse the pack, or None.
    fault: str | None = None

    @property
    def bundled(self) -> bool:
        """Whether the pack came with the code."""
        return self.folder.parent == BUNDLED

    @property
    def bytes(self) -> int:
        """The size of the pack's files, by its manifest."""
        return sum(file.bytes for file in self.manifest.files.values()) if self.manifest else 0


@dataclass(frozen=True, slots=True)
class PackStore:
    """Packs by name: a folder of `folder`, else one that comes with the code."""

    folder: Path

    def find(self, name: str) -> Path | None:
        """Return the folder of a pack, None where there is none; what is in it may still be no pack."""
        if not name or name.startswith(".") or Path(name).name != name:
            return None
        return next((place / name for place in (self.folder, BUNDLED) if (place / name).is_dir()), None)

    def installed(self) -> list[Installed]:
        """Return all packs by name, each looked at without reading its weights."""
        folders = {folder.name: folder for place in (BUNDLED, self.folder) for folder in _folders(place)}
        return [look_at(folders[name]) for name in sorted(folders)]

    def usable(self) -> frozenset[str]:
        """Return the names of the packs that the engine would not refuse at first sight."""
        return frozenset(pack.name for pack in self.installed() if pack.fault is None)


def look_at(folder: Path) -> Installed:
    """Return what a look at a pack's folder tells, without reading its weights."""
    try:
        manifest = read_manifest(folder)
    except PackError as error:
        return Installed(folder.name, folder, None, str(error))
    if manifest.name != folder.name:
        return Installed(folder.name, folder, manifest, f"{folder} holds a pack of another name, {manifest.name!r}")
    try:
        check_sizes(folder, manifest)
    except PackError as error:
        return Installed(folder.name, folder, manifest, str(error))
    return Installed(folder.name, folder, manifest)


def _folders(place: Path) -> Iterator[Path]:
    """Yield the folders of packs, and nothing that Python or an unfinished download put beside them."""
    if place.is_dir():
        for folder in place.iterdir():
            if folder.is_dir() and not folder.name.startswith((".", "_")):
                yield folder
