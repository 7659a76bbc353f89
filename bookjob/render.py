"""How a summary looks on a terminal."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from bookjob.models import Job
from bookjob.summary import CharacterLine, SpeakerLine, Summary
from bookjob.wording import duration, ordinal

_HEADING = "bold cyan"
_FAINT = "dim"
#: Columns; nothing of ours is wider.
_WIDEST = 1000


def print_summary(console: Console, summary: Summary, job: Job, files: Sequence[Path]) -> None:
    """Print who and what is in the book, what it was read with, and where the files are."""
    parts: list[RenderableType] = [Text(), _title(job), _counts(summary)]
    if summary.characters:
        parts += [Text(), _characters(summary)]
    if summary.speakers:
        parts += [Text(), _speakers(summary)]
    if summary.places or summary.event_lemmas:
        parts += [Text(), _places_and_events(summary)]
    parts += [Text(), *_provenance(job)]
    if files:
        parts += [Text(), _files(files)]
    for part in parts:
        print_whole(console, part)


def print_whole(console: Console, what: RenderableType) -> None:
    """Print something within a terminal's width, or as wide as it is for whatever reads it else."""
    if not console.is_terminal:
        width = console.measure(what, options=console.options.update(width=_WIDEST)).maximum
        console.width = max(console.width, width)
    console.print(what)


def _title(job: Job) -> Text:
    return Text(job.book_id or job.job_id, style="bold")


def _counts(summary: Summary) -> Text:
    counts = {
        "token": summary.tokens,
        "sentence": summary.sentences,
        "entity": summary.entities,
        "character": summary.characters_total,
        "quote": summary.quotes,
        "event": summary.events,
    }
    return Text(" · ".join(_counted(count, what) for what, count in counts.items()), style=_FAINT)


def _counted(count: int, what: str) -> str:
    """Return a count and its noun, held together at the end of a line: `1 entity`, `646 entities`."""
    noun = what if count == 1 else what.removesuffix("y") + ("ies" if what.endswith("y") else "s")
    return f"{count:,}\N{NO-BREAK SPACE}{noun}"


def _characters(summary: Summary) -> Table:
    table = _table()
    table.add_column("Characters", no_wrap=True, overflow="ellipsis", max_width=28)
    table.add_column("mentions", justify="right")
    table.add_column("quotes", justify="right")
    table.add_column("pronouns", no_wrap=True)
    table.add_column("also called", no_wrap=True, overflow="ellipsis", ratio=1, style=_FAINT)
    for line in summary.characters:
        table.add_row(*_character(line))
    return table


def _character(line: CharacterLine) -> Iterable[Text]:
    yield Text(line.name, style="bold")
    yield Text(f"{line.mentions:,}")
    yield Text(f"{line.quotes:,}" if line.quotes else "–", style="" if line.quotes else _FAINT)
    yield Text(line.pronouns or "–", style="" if line.pronouns else _FAINT)
    yield Text(", ".join(line.other_names))


def _speakers(summary: Summary) -> Table:
    table = _table()
    table.add_column("Who speaks", no_wrap=True, overflow="ellipsis", max_width=28)
    table.add_column("quotes", justify="right")
    table.add_column("for example", no_wrap=True, overflow="ellipsis", ratio=1)
    for line in summary.speakers:
        table.add_row(*_speaker(line))
    if summary.unattributed_quotes:
        table.add_row(Text("speaker not found", style=_FAINT), Text(f"{summary.unattributed_quotes:,}", style=_FAINT))
    return table


def _speaker(line: SpeakerLine) -> Iterable[Text]:
    yield Text(line.name, style="bold")
    yield Text(f"{line.quotes:,}")
    yield Text(f"“{line.sample}”", style="italic")


def _places_and_events(summary: Summary) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style=_HEADING, no_wrap=True)
    table.add_column()
    for heading, counted in (("Places", summary.places), ("Events", summary.event_lemmas)):
        if counted:
            items = (Text.assemble(name, (f" {count:,}", _FAINT)) for name, count in counted)
            table.add_row(heading, Text(", ").join(items))
    return table


def _provenance(job: Job) -> Iterable[Text]:
    parts = []
    if job.pack:
        parts.append(f"model pack {job.pack}")
    if job.started_at and job.completed_at:
        parts.append(f"read in {duration((job.completed_at - job.started_at).total_seconds())}")
    if job.attempt and job.attempt > 1:
        parts.append(f"finished at the {ordinal(job.attempt)} attempt")
    if parts:
        sentence = ", ".join(parts)
        yield Text(sentence[0].upper() + sentence[1:], style=_FAINT)
    for warning in job.warnings:
        yield Text(f"Note: {warning}", style="yellow")


def _files(files: Sequence[Path]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style=_HEADING, no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("Files", Text(f"{files[0].parent}/", style="bold"))
    table.add_row("", Text("  ".join(file.name for file in files), style=_FAINT))
    return table


def _table() -> Table:
    return Table(box=None, header_style=_HEADING, pad_edge=False, padding=(0, 2, 0, 0), expand=True)
