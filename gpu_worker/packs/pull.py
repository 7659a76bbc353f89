"""From upstream's published files to a pack: fetched or taken from a folder, checked, converted, put in place."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gpu_worker.engine import data
from gpu_worker.engine.errors import PackError
from gpu_worker.engine.layout import Model
from gpu_worker.engine.manifest import VOCABULARY, Manifest, TagSets, describe_file
from gpu_worker.engine.pack import load_pack
from gpu_worker.engine.upstream_layout import read_checkpoints, write_pack
from gpu_worker.packs import checksums, download
from gpu_worker.packs.errors import ChecksumMismatch, DownloadFailed
from gpu_worker.packs.places import MINI
from gpu_worker.packs.published import ADDRESS, ATTRIBUTION, CAVEATS, LICENCE, Published
from gpu_worker.packs.store import PackStore

#: The file of a pulled pack that tells the SHA-256 of each of upstream's files that it was made of.
RECORD = "upstream.sha256"

#: Told a file's name, the bytes of it that are here, and how many there will be if that is known.
Report = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True)
class Pulled:
    """A pack that is in place."""

    folder: Path
    #: The list that the files were checked against, None where there was none and the first download was trusted.
    checked_against: Path | None


def pull(
    published: Published,
    store: PackStore,
    report: Report,
    *,
    address: str = ADDRESS,
    source: Path | None = None,
    expected: Path | None = None,
) -> Pulled:
    """Make a pack of upstream's files, downloaded from `address` or found in the folder `source`.

    The files are checked against the list of SHA-256 `expected`, else against the one that an earlier pull recorded,
    else they are recorded. A download that was interrupted goes on where it stopped; a file that the list refuses is
    fetched anew by the next pull. The pack appears whole or not at all.

    Raises DownloadFailed, ChecksumMismatch, and `PackError` for files that are not upstream's models.
    """
    store.folder.mkdir(parents=True, exist_ok=True)
    place = store.folder / published.name
    recorded = place / RECORD
    expected = expected or (recorded if recorded.exists() else None)
    known = checksums.read(expected) if expected else {}
    if expected is not None:
        checksums.require(published.files.values(), known, expected)
    arrivals = store.folder / f".{published.name}.download"
    if source is None:
        _download(published, address, arrivals, report)
    files = {model: (source or arrivals) / name for model, name in published.files.items()}
    try:
        sums = _checked(files, known, expected)
        _install(published, files, sums, place)
    except (ChecksumMismatch, PackError) as error:
        # What is not what was meant would be refused by every later pull too.
        if source is None:
            _drop(files, known if isinstance(error, ChecksumMismatch) else {})
        raise
    shutil.rmtree(arrivals, ignore_errors=True)
    return Pulled(place, expected)


def manual(published: Published, address: str = ADDRESS) -> str:
    """Return what to do where the files cannot be downloaded from here."""
    urls = "\n".join(f"  {_url(address, name)}" for name in published.files.values())
    return (
        f"Where this machine cannot reach them, download these files elsewhere, put them into one folder and run: "
        f"bookjob packs pull {published.name} --from FOLDER\n{urls}"
    )


def _download(published: Published, address: str, folder: Path, report: Report) -> None:
    folder.mkdir(exist_ok=True)
    with download.client() as http:
        for name in published.files.values():
            if not (folder / name).exists():
                download.fetch(http, _url(address, name), folder / name, _reporting(report, name))


def _reporting(report: Report, name: str) -> download.Advance:
    return lambda here, total: report(name, here, total)


def _url(address: str, name: str) -> str:
    return f"{address.rstrip('/')}/{name}"


def _checked(files: Mapping[Model, Path], known: Mapping[str, str], expected: Path | None) -> dict[str, str]:
    """Return each file's SHA-256 by its name, compared with those of the list `expected`, if there is one."""
    missing = [path for path in files.values() if not path.exists()]
    if missing:
        raise DownloadFailed(f"{missing[0].parent} lacks {', '.join(path.name for path in missing)}.")
    sums = {path.name: describe_file(path).sha256 for path in files.values()}
    if expected is not None:
        checksums.compare(sums, known, expected)
    return sums


def _drop(files: Mapping[Model, Path], known: Mapping[str, str]) -> None:
    """Remove what was downloaded, but for the files that the list `known` vouches for."""
    for path in files.values():
        if describe_file(path).sha256 != known.get(path.name):
            path.unlink()


def _install(published: Published, files: Mapping[Model, Path], sums: Mapping[str, str], place: Path) -> None:
    """Convert the files, see that the engine takes the pack, and put it in place of what was there."""
    draft = place.with_name(f".{place.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    try:
        checksums.write(draft / RECORD, sums)
        _convert(published, files, draft)
        load_pack(draft, "cpu")
    except BaseException:  # Ctrl-C too: it may be a gigabyte, which a full disk needs
        shutil.rmtree(draft, ignore_errors=True)
        raise
    shutil.rmtree(place, ignore_errors=True)
    draft.rename(place)


def _convert(published: Published, files: Mapping[Model, Path], folder: Path) -> None:
    found = read_checkpoints(files)
    manifest = Manifest(
        format="bookjob-pack/1",
        name=published.name,
        version=found.version,
        licence=LICENCE,
        files={},
        encoders=found.encoders,
        models={model: str(model) for model in files},
        tag_sets=TagSets(entity=data.tags("entity_cat"), supersense=data.tags("supersense")),
        scores=published.scores,
        caveats=CAVEATS,
        attribution=ATTRIBUTION,
    )
    write_pack(folder, manifest, found.weights, MINI / VOCABULARY, beside=[RECORD])
