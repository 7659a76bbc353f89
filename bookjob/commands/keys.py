"""The commands of API keys, for the operator of a deployment. What they do lives in `infra.keys`.

That is imported where it is used: a client of a service need not have what its operator does.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from bookjob.commands.arguments import Json
from bookjob.commands.local import not_installed, refusal
from bookjob.commands.terminal import print_json, print_table, say
from bookjob.exit_codes import ExitCode

if TYPE_CHECKING:
    from datetime import datetime

    from rich.table import Table

    from infra.keys import Key, KeyDesk

app = typer.Typer(
    name="keys", help="The API keys of a service that is yours: make one, list them, revoke one.", no_args_is_help=True
)

KeyId = Annotated[str, typer.Argument(metavar="KEY_ID", help="The key's id, as `bookjob keys list` shows it.")]
Tenant = Annotated[str, typer.Option(metavar="TENANT", help="Whose jobs the key's holder sees.")]
Name = Annotated[str, typer.Option(metavar="NAME", help="What the key is for.")]
Submissions = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Books a minute.", show_default="the service's own limit"),
]
Requests = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Other requests a minute.", show_default="the service's own limit"),
]
Stack = Annotated[
    str | None,
    typer.Option(
        envvar="BOOKJOB_STACK",
        metavar="NAME",
        help="The CloudFormation stack of a service in AWS.",
        show_default="the service on this machine",
    ),
]


@app.command()
def create(
    name: Name = "unnamed",
    tenant: Tenant = "public",
    submissions_per_minute: Submissions = None,
    requests_per_minute: Requests = None,
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """Make a key and print it, this one time."""
    with _desk(stack) as desk:
        made = desk.create(
            name,
            tenant,
            submissions_per_minute=submissions_per_minute,
            requests_per_minute=requests_per_minute,
        )
    if as_json:
        print_json(made)
    else:
        typer.echo(made.key)
    say(
        f"This is key {made.key_id} of tenant {made.tenant}. It is shown this once and kept nowhere: give it to its "
        "holder, who sets it as BOOKJOB_API_KEY or sends it as X-API-Key."
    )


@app.command("list")
def list_keys(stack: Stack = None, as_json: Json = False) -> None:
    """List the keys, revoked ones too, the oldest first."""
    with _desk(stack) as desk:
        keys = desk.all()
    if not as_json:
        print_table(_table(keys))
        return
    for key in keys:
        print_json(key)


@app.command()
def revoke(key_id: KeyId, stack: Stack = None, as_json: Json = False) -> None:
    """Revoke a key for good; within a minute it is of no use."""
    with _desk(stack) as desk:
        # Whoever revokes a key that leaked may have nothing of it but the key.
        revoked = desk.revoke(key_id.removeprefix("bookjob_").partition("_")[0])
    if as_json:
        print_json(revoked)
    else:
        whose = f"Key {revoked.key_id} ({revoked.name}) of tenant {revoked.tenant}"
        say(f"{whose} is revoked; within a minute it is of no use.")


def _table(keys: "Sequence[Key]") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold cyan", pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("Key", "Tenant", "State", "Made", "Last used", "Name"):
        table.add_column(heading, no_wrap=True)
    for key in keys:
        state = Text("revoked", style="red") if key.revoked_at else Text("good", style="green")
        made, used = _day(key.created_at), _day(key.last_used_at)
        table.add_row(key.key_id, key.tenant, state, made, used, Text(key.name))
    return table


def _day(moment: "datetime | None") -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M") if moment else "–"


@contextmanager
def _desk(stack: str | None) -> "Iterator[KeyDesk]":
    """Yield the desk of a stack in AWS or of this machine's; end the command in words when it cannot go on."""
    try:
        from infra import keys
    except ModuleNotFoundError as missing:
        raise not_installed(missing) from missing
    codes = {keys.KeyRefused: ExitCode.USAGE, keys.KeyUnknown: ExitCode.NOT_FOUND}
    try:
        yield keys.KeyDesk.of_stack(stack) if stack else keys.KeyDesk.of_this_machine()
    except keys.KeysError as error:
        raise refusal(str(error), codes.get(type(error), ExitCode.UNREACHABLE)) from error
    except ModuleNotFoundError as missing:
        raise not_installed(missing) from missing
