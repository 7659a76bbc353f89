"""The packs of a machine: those that come with the code, and those that were put into a folder beside it."""

from dataclasses import dataclass
from pathlib import Path

from gpu_worker.engine.errors import PackError
from gpu_worker.engine.manifest import Manifest, check_sizes, read_manifest
from gpu_worker.packs.places import BUNDLED, all_folders


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
    """The packs of `folder` and, where it has none of their name, those that come with the code."""

    folder: Path

    def installed(self) -> list[Installed]:
        """Return all packs by name, each looked at without reading its weights."""
        return [look_at(folder) for _, folder in sorted(all_folders(self.folder).items())]

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
