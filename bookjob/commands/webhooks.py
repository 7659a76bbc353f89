"""The command of webhooks: the secret that tells a receiver that a callback is genuine."""

from typing import Annotated

import typer

from bookjob.commands import connection
from bookjob.commands.arguments import ApiKey, Json, Url
from bookjob.commands.terminal import print_json, say

app = typer.Typer(
    name="webhooks", help="What those need who are told by --callback-url how jobs end.", no_args_is_help=True
)

Rotate = Annotated[
    bool, typer.Option("--rotate", help="Make a new one; for a day callbacks are signed with both. Once a day at most.")
]


@app.callback()
def _group() -> None:
    """Let `secret` be a command of a group, as others may join it."""


@app.command()
def secret(rotate: Rotate = False, url: Url = None, api_key: ApiKey = None, as_json: Json = False) -> None:
    """Print the secret that your callbacks are signed with."""
    with connection.service(url, api_key) as client:
        found = client.rotate_webhook_secret() if rotate else client.webhook_secret()
    if as_json:
        print_json(found)
        return
    typer.echo(found.secret)
    if found.previous_until is not None:
        until = found.previous_until.astimezone().strftime("%Y-%m-%d %H:%M")
        say(f"The secret before it is signed with as well until {until}; change your receivers by then.")
