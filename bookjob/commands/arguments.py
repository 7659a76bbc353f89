"""The arguments and options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

File = Annotated[Path, typer.Argument(metavar="FILE", help="A plain-text book (UTF-8); - reads standard input.")]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")]
Url = Annotated[
    str | None,
    typer.Option(envvar="BOOKJOB_URL", metavar="URL", help="The service.", show_default="http://localhost:8000"),
]
ApiKey = Annotated[
    str | None,
    typer.Option(
        help="The key that the service asks for. Better set BOOKJOB_API_KEY: everyone on the machine can read options.",
        metavar="KEY",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines on standard output, one object a line.")]
Folder = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="DIR", help="Where the files go.", show_default="output/BOOK"),
]
BookId = Annotated[str | None, typer.Option(help="The book's name.", metavar="NAME", show_default="the file's name")]
OfBook = Annotated[str | None, typer.Option("--book-id", help="Only jobs of this book.", metavar="NAME")]
Model = Annotated[
    str | None,
    typer.Option(help="small, big, mini or custom.", metavar="MODEL", show_default="the service's, small"),
]
Pipeline = Annotated[
    str | None,
    typer.Option(
        help="Tasks, with commas: entity,quote,supersense,event,coref.", metavar="TASKS", show_default="all of them"
    ),
]
CustomModelPath = Annotated[
    str | None, typer.Option(help="The model pack that `custom` stands for.", metavar="PACK", show_default=False)
]
CallbackUrl = Annotated[
    str | None,
    typer.Option(help="An https address that is told, signed, how the job ends.", metavar="URL", show_default=False),
]
IdempotencyKey = Annotated[
    str | None,
    typer.Option(
        help="Makes the command repeatable: within a day, the same key and text are the same job.",
        metavar="KEY",
        show_default=False,
    ),
]
Large = Annotated[
    bool, typer.Option("--large", help="Upload the book even if one request would carry it; done for a larger anyway.")
]
Watch = Annotated[bool, typer.Option("--watch", help="Watch the job until it ends.")]
WaitForPlace = Annotated[
    bool, typer.Option("--wait-for-place", help="While the queue is full, keep asking instead of giving up.")
]
