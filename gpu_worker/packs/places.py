"""Where packs are: in the folder of those that come with the code, and in one that a machine adds.

The worker's own process finds packs by this alone; it loads nothing of the engine.
"""

from pathlib import Path

#: The folder of the packs that come with the code.
BUNDLED = Path(__file__).parent

#: The pack that comes with the code.
MINI = BUNDLED / "mini"


def find(name: str, added: Path) -> Path | None:
    """Return the folder of a pack, one of `added` before a bundled one; None where there is none.

    What is in the folder may still be no pack.
    """
    if not is_plain(name):
        return None
    return next((place / name for place in (added, BUNDLED) if (place / name).is_dir()), None)


def is_plain(name: str) -> bool:
    """Tell whether a name leads nowhere but into its folder: `..` is a name to `Path` too."""
    return bool(name) and not name.startswith(".") and Path(name).name == name


def all_folders(added: Path) -> dict[str, Path]:
    """Return the folders of packs by name, and nothing that Python or an unfinished download put beside them."""
    places = [place for place in (BUNDLED, added) if place.is_dir()]
    folders = [folder for place in places for folder in place.iterdir() if folder.is_dir()]
    return {folder.name: folder for folder in folders if not folder.name.startswith((".", "_"))}
