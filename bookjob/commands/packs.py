"""The commands of model packs: which there are, how good they are, where they come from.

What they do lives in `infra.local.packs`, which is imported where it is used: a client of a remote service need not
have what packs are read with.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from bookjob.commands.arguments import Json
from bookjob.commands.local import in_words
from bookjob.commands.terminal import messages, output, say
from bookjob.exit_codes import ExitCode

if TYPE_CHECKING:
    from infra.local.packs import Installed, PackStore

app = typer.Typer(
    name="packs", help="The models that read books: which there are here, and how good they are.", no_args_is_help=True
)

Pack = Annotated[str, typer.Argument(metavar="PACK", help="The pack's name.")]
AnyPack = Annotated[str | None, typer.Argument(metavar="PACK", help="The pack's name.", show_default="all of them")]
Published = Annotated[str, typer.Argument(metavar="small|big", help="Which of upstream's own packs.")]
Address = Annotated[
    str | None,
    typer.Option(
        "--url", envvar="BOOKJOB_PACKS_URL", metavar="URL", help="Where the files are.", show_default="upstream's"
    ),
]
Source = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="DIR",
        exists=True,
        file_okay=False,
        help="Take the files from a folder (upstream keeps its own in ~/booknlp_models), not from the network.",
    ),
]
Checksums = Annotated[
    Path | None,
    typer.Option(metavar="FILE", exists=True, dir_okay=False, help="SHA-256 that they must have, as by sha256sum."),
]
Upstream = Annotated[Path, typer.Option("--upstream", metavar="DIR", help="Where upstream's files go.")]

_INTERRUPTED: Final = "Stopped. The same command begins anew; `pull` goes on with what it has fetched."


@app.command("list")
def list_packs(as_json: Json = False) -> None:
    """List the packs of this machine with their scores."""
    with in_words(_INTERRUPTED):
        from infra.local.packs import PUBLISHED

        installed = _store().installed()
        absent = [name for name in PUBLISHED if name not in {pack.name for pack in installed}]
        if as_json:
            for pack in installed:
                typer.echo(json.dumps(_as_data(pack)))
            for name in absent:
                typer.echo(json.dumps({"name": name, "installed": False}))
            return
        from bookjob.pack_tables import notes, packs_table

        output().print(packs_table(installed))
        for line in notes(installed):
            output().print(line, highlight=False, markup=False)
        for name in absent:
            say(f"{name} is not here; fetch it with: bookjob packs pull {name}")


@app.command()
def show(pack: Pack, as_json: Json = False) -> None:
    """Show all that a pack says about itself: scores and what they mean, sources, licences."""
    with in_words(_INTERRUPTED):
        from infra.local.packs import find

        found = find(_store(), pack)
        if as_json:
            manifest = found.manifest.model_dump(mode="json") if found.manifest else None
            typer.echo(json.dumps({**_as_data(found), "manifest": manifest}))
            return
        from bookjob.pack_tables import pack_card

        output().print(pack_card(found))


@app.command()
def pull(name: Published, address: Address = None, source: Source = None, checksums: Checksums = None) -> None:
    """Fetch one of upstream's own packs, small (160 MB) or big (1.2 GB); goes on where an earlier try stopped."""
    with in_words(_INTERRUPTED):
        from infra.local.home import Home
        from infra.local.packs import ADDRESS, store
        from infra.local.packs import pull as fetch

        home = Home.default()
        with _progress() as report:
            pack, checked = fetch(
                store(home), name, report, address=address or ADDRESS, source=source, expected=checksums
            )
        say(f"{pack.name} is in {pack.folder}. {checked}")
        running = home.running()
        if running is not None and running.supervisor.find() is not None:
            say("The service that runs here does not know it yet: bookjob down, then bookjob up")


@app.command()
def verify(pack: AnyPack = None, as_json: Json = False) -> None:
    """Read every byte of a pack, compare it with the manifest, and load it; exit code 1 when it is refused."""
    with in_words(_INTERRUPTED):
        from infra.local.packs import find
        from infra.local.packs import verify as verified

        packs = _store()
        results = [verified(found) for found in ([find(packs, pack)] if pack else packs.installed())]
        for result in results:
            found, seconds = result.pack, round(result.seconds, 2)
            if as_json:
                typer.echo(json.dumps({**_as_data(found), "fault": result.fault, "seconds": seconds}))
            elif result.fault is not None:
                say(f"Error: {result.fault}", style="red")
            else:
                typer.echo(f"ok {found.name}: {found.bytes:,} bytes as in its manifest, loaded in {seconds:.1f} s")
        if any(result.fault is not None for result in results):
            raise typer.Exit(ExitCode.JOB_FAILED)


@app.command()
def export(pack: Pack, folder: Upstream, as_json: Json = False) -> None:
    """Write a pack as the three .model files that upstream BookNLP 1.0.8 loads."""
    with in_words(_INTERRUPTED):
        from infra.local.packs import export as write
        from infra.local.packs import find

        files = write(find(_store(), pack), folder)
        if as_json:
            typer.echo(json.dumps({"files": [str(file) for file in files]}))
            return
        for file in files:
            typer.echo(file)
        say(
            f"Upstream reads them with transformers below 5, {folder} as the working directory, model 'custom', and "
            "entity_model_path, coref_model_path and quote_attribution_model_path naming the three files."
        )


def _store() -> "PackStore":
    from infra.local.home import Home
    from infra.local.packs import store

    return store(Home.default())


def _as_data(pack: "Installed") -> dict[str, Any]:
    """Return a pack for machines."""
    manifest = pack.manifest
    return {
        "name": pack.name,
        "installed": True,
        "bundled": pack.bundled,
        "folder": str(pack.folder),
        "fault": pack.fault,
        "version": manifest.version if manifest else None,
        "bytes": pack.bytes,
        "licence": manifest.licence if manifest else None,
        "scores": dict(manifest.scores) if manifest else {},
        "caveats": list(manifest.caveats) if manifest else [],
    }


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int | None], None]]:
    """Yield what shows a download: a bar for each file at a terminal, else a line for each file."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = messages()
    if not console.is_terminal:
        begun: set[str] = set()

        def tell(file: str, _here: int, total: int | None) -> None:
            if file not in begun:
                begun.add(file)
                say(f"Fetching {file}" + (f", {total:,} bytes" if total else ""))

        yield tell
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bars: dict[str, Any] = {}

        def move(file: str, here: int, total: int | None) -> None:
            if file not in bars:
                bars[file] = progress.add_task(file.partition("_")[0], total=total, completed=here)
            progress.update(bars[file], completed=here, total=total)

        yield move
