"""What `--pack` names in every benchmark."""

from pathlib import Path

from gpu_worker.packs import places
from infra.local.home import Home


def find(pack: str) -> Path:
    """Return the folder of the pack of that name, as a local service finds it; else `pack` is itself a folder."""
    return places.find(pack, Home.default().packs) or Path(pack)
