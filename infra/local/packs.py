"""The model packs of this machine: those that the local stack's worker can run, and how they get there.

What comes with the code is always there; what is pulled lies in the stack's own folder.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_worker.engine.errors import PackError
from gpu_worker.packs.errors import ChecksumMismatch, DownloadFailed
from gpu_worker.packs.published import ADDRESS, PUBLISHED
from gpu_worker.packs.store import Installed, PackStore
from infra.local.errors import FolderNotWritable, NoSuchPack, PackRefused, PackUnreachable
from infra.local.home import Home

if TYPE_CHECKING:
    from gpu_worker.engine.pack import Pack

__all__ = ["ADDRESS", "PUBLISHED", "Installed", "PackStore", "Verified", "export", "find", "pull", "store", "verify"]


@dataclass(frozen=True, slots=True)
class Verified:
    """What came of reading every byte of a pack and loading it."""

    pack: Installed
    #: Why the engine refuses the pack, or None.
    fault: str | None
    #: How long it took to read, check and load it, in seconds.
    seconds: float


def store(home: Home) -> PackStore:
    """Return the packs of a local stack."""
    return PackStore(home.packs)


def find(packs: PackStore, name: str) -> Installed:
    """Return an installed pack, sound or not; raises NoSuchPack."""
    found = {pack.name: pack for pack in packs.installed()}
    if name not in found:
        pullable = f" Fetch it with: bookjob packs pull {name}" if name in PUBLISHED else ""
        raise NoSuchPack(f"There is no pack {name!r} here; there is: {', '.join(found)}.{pullable}")
    return found[name]


def verify(pack: Installed) -> Verified:
    """Compare every byte with the manifest, load the pack, and return what came of it."""
    from gpu_worker.engine.pack import load_pack

    started = time.perf_counter()
    try:
        _loaded(pack, load_pack)
    except PackRefused as refused:
        return Verified(pack, str(refused), time.perf_counter() - started)
    return Verified(pack, None, time.perf_counter() - started)


def export(pack: Installed, folder: Path) -> list[Path]:
    """Write a pack as the three files that upstream 1.0.8 reads and return them.

    Raises PackRefused and FolderNotWritable.
    """
    from safetensors import SafetensorError

    from gpu_worker.engine.pack import load_pack
    from gpu_worker.engine.upstream_layout import export as write

    loaded = _loaded(pack, load_pack)
    try:
        return list(write(loaded, folder).values())
    except (OSError, RuntimeError, SafetensorError) as error:  # the latter two are the writers', for a full disk
        raise FolderNotWritable(folder, str(error), "Make room there, or name another with --upstream.") from error


def pull(
    packs: PackStore,
    name: str,
    report: Callable[[str, int, int | None], None],
    *,
    address: str = ADDRESS,
    source: Path | None = None,
    expected: Path | None = None,
) -> tuple[Installed, str]:
    """Install one of upstream's own packs, and return it with what is to be said of its checksums.

    A sound pack is not fetched again, unless it is to be made of files that the caller names or vouches for.

    Raises NoSuchPack, PackUnreachable, PackRefused and FolderNotWritable.
    """
    from safetensors import SafetensorError

    from gpu_worker.packs import pull as pulling

    published = PUBLISHED.get(name)
    if published is None:
        raise NoSuchPack(f"{name!r} is none of the published packs, which are: {', '.join(PUBLISHED)}.")
    here = next((pack for pack in packs.installed() if pack.name == name), None)
    if here is not None and source is None and expected is None and verify(here).fault is None:
        return here, "It was here already, and whole."
    try:
        pulled = pulling.pull(published, packs, report, address=address, source=source, expected=expected)
    except DownloadFailed as error:
        raise PackUnreachable(f"{error}\n{pulling.manual(published, address)}") from error
    except ChecksumMismatch as error:
        raise PackRefused(
            f"{error}. If the other file is the right one, name a list that says so: --checksums"
        ) from error
    except PackError as error:
        raise PackRefused(f"What was fetched is not upstream's {name}: {error}") from error
    except (OSError, SafetensorError) as error:
        raise FolderNotWritable(packs.folder, str(error)) from error
    if pulled.checked_against is not None:
        checked = f"Its files are the ones of {pulled.checked_against}."
    else:
        checked = (
            f"Upstream publishes no checksums: those of its files are now in {pulled.folder / pulling.RECORD}; "
            "compare them with somebody else's."
        )
    return find(packs, name), checked


def _loaded(pack: Installed, load: "Callable[[Path, str], Pack]") -> "Pack":
    """Return the pack, loaded; raises PackRefused."""
    if pack.fault is not None:
        raise _refused(pack, pack.fault)
    try:
        return load(pack.folder, "cpu")
    except PackError as error:
        raise _refused(pack, str(error)) from error


def _refused(pack: Installed, fault: str) -> PackRefused:
    if pack.bundled:
        remedy = "It comes with the code: fetch that anew."
    elif pack.name in PUBLISHED:
        remedy = f"Fetch it anew: bookjob packs pull {pack.name}"
    else:
        remedy = "Copy it anew from where it came."
    return PackRefused(f"The pack {pack.name} is refused: {fault}. {remedy}")
