"""How model packs look on a terminal."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from rich.table import Table

from bookjob.overview import two_columns

if TYPE_CHECKING:
    from infra.local.packs import Installed

#: The figures that sum a pack up: the column's head, the task, its measure.
_FIGURES: Final = (
    ("Entities", "entities", "f1"),
    ("Events", "events", "f1"),
    ("Super-\nsenses", "supersenses", "f1"),
    ("Speakers", "speakers", "b3"),
    ("Corefer-\nence", "coreference", "average"),
)


def packs_table(packs: Sequence["Installed"]) -> Table:
    """Return the packs, a line each, with the scores of their manifests."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="cyan")
    table.add_column("Pack")
    table.add_column("Version")
    table.add_column("Size", justify="right")
    for head, _, _ in _FIGURES:
        table.add_column(head, justify="right")
    for pack in packs:
        manifest = pack.manifest
        scores = manifest.scores if manifest else {}
        figures = [
            f"{scores[task][measure]:.1f}" if measure in scores.get(task, {}) else "–" for _, task, measure in _FIGURES
        ]
        table.add_row(pack.name, manifest.version if manifest else "–", size(pack.bytes), *figures)
    return table


def notes(packs: Sequence["Installed"]) -> Iterator[str]:
    """Yield what belongs to the table: licences, what the scores mean, and which packs would be refused."""
    yield ""
    yield "F1 each, for speakers B3, for coreference the average of MUC, B3 and CEAFe."
    for pack in packs:
        if pack.fault is not None:
            yield f"{pack.name} would be refused: {pack.fault}"
        elif pack.manifest is not None:
            caveats = " ".join(pack.manifest.caveats)
            yield f"{pack.name}: {pack.manifest.licence}. {caveats}".strip()


def pack_card(pack: "Installed") -> Table:
    """Return all that a pack says about itself, a line each."""
    lines = {"Pack": pack.name, "Folder": str(pack.folder), "Refused": pack.fault or ""}
    manifest = pack.manifest
    if manifest is not None:
        encoders = [
            f"{name}: {sizes.layers} layers of {sizes.hidden}, {sizes.heads} heads"
            for name, sizes in manifest.encoders.items()
        ]
        sources = [
            f"{source.name} ({source.licence})" + (f": {source.used}" if source.used else "")
            for source in manifest.attribution
        ]
        lines |= {
            "Version": manifest.version,
            "Size": size(pack.bytes),
            "Licence": manifest.licence,
            "Encoders": "\n".join(encoders),
            **{
                f"{task[:1].upper()}{task[1:]}": ", ".join(f"{name} {value:.1f}" for name, value in figures.items())
                for task, figures in manifest.scores.items()
            },
            "Mind": "\n".join(manifest.caveats),
            "Made of": "\n".join(sources),
            "Files": "\n".join(f"{name} {file.sha256}" for name, file in manifest.files.items()),
        }
    return two_columns({name: value for name, value in lines.items() if value})


def size(count: int) -> str:
    """Return a number of bytes as people write it."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
