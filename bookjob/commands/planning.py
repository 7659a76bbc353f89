"""The commands for whoever is about to deploy: what it costs, and how long callers wait."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bookjob.commands.arguments import Json
from bookjob.commands.terminal import print_table, say

if TYPE_CHECKING:
    from infra.costs.arrivals import Books
    from infra.costs.prices import Prices
    from infra.costs.simulation import Arrival, Rule

#: A month's books, from an owner who tries it out to a library.
VOLUMES = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)

#: An average novel, how much novels differ, and what two cores read of one in a second.
TOKENS, SPREAD, SPEED = 120_000.0, 0.6, 1_500.0
#: How the worker of `infra/worker.yaml` wakes and sleeps, in seconds: an alarm of a minute and the capacity provider's
#: own, a machine with its image and packs, WorkerIdleMinutes, and the 15 minutes after which ECS ends an empty machine.
REACT, BOOT, IDLE, LINGER = 120.0, 240.0, 300.0, 900.0

#: Beyond these there is nothing to plan for, and infinity is a number too: the tokens of the longest text that is read,
#: a month in seconds, ten years in hours.
LONGEST_BOOK, MONTH, TEN_YEARS = 2_500_000, 2_592_000, 87_600
#: What can be replayed in a minute or two: the largest month of `bookjob cost`, and the workers of fifty deployments.
MOST_BOOKS, LARGEST_FLEET = VOLUMES[-1], 1_000

Tokens = Annotated[
    float, typer.Option(min=1, max=LONGEST_BOOK, metavar="N", help="The average book's words and punctuation marks.")
]
Spread = Annotated[
    float, typer.Option(min=0, max=10, metavar="X", help="The lengths' standard deviation over their average.")
]
Speed = Annotated[
    float,
    typer.Option(
        min=1,
        max=1_000_000_000,
        metavar="N",
        help="What a worker reads; by default what two cores do, as no GPU was measured.",
    ),
]
PriceFile = Annotated[
    Path | None,
    typer.Option("--prices", metavar="FILE", help="Prices of your own (TOML), over those that come with bookjob."),
]
React = Annotated[
    float, typer.Option(min=0, max=MONTH, metavar="SECONDS", help="From a book's arrival to asking for a machine.")
]
Boot = Annotated[
    float, typer.Option(min=0, max=MONTH, metavar="SECONDS", help="From asking for a machine to its first book.")
]
Idle = Annotated[
    float, typer.Option(min=0, max=MONTH, metavar="SECONDS", help="How long a worker idles before it stops.")
]
Linger = Annotated[
    float,
    typer.Option(min=0, max=MONTH, metavar="SECONDS", help="How long a stopped worker's machine is still paid for."),
]
Seed = Annotated[int, typer.Option(metavar="N", help="Which arrivals and lengths chance draws.")]
Workers = Annotated[
    list[int],
    typer.Option(
        "--workers", "-w", min=1, max=LARGEST_FLEET, metavar="N", help="WorkerConcurrency; say it again to compare."
    ),
]


def cost(
    books: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Show the bill of so many books a month, line by line.")
    ] = None,
    machine: Annotated[
        Literal["Spot", "On-Demand", "Fargate", "SageMaker", "always on"],
        typer.Option(help="Whose bill is shown, with --books."),
    ] = "Spot",
    network: Annotated[
        Literal["endpoints", "nat", "none"],
        typer.Option(help="The deployment's NetworkEgress; none when the worker runs elsewhere."),
    ] = "endpoints",
    tokens: Tokens = TOKENS,
    spread: Spread = SPREAD,
    tokens_per_second: Speed = SPEED,
    react: React = REACT,
    boot: Boot = BOOT,
    idle: Idle = IDLE,
    linger: Linger = LINGER,
    prices: PriceFile = None,
    as_json: Json = False,
) -> None:
    """Estimate what a deployment costs a month, beside SageMaker and a machine that is always on. Asks nobody."""
    from bookjob.planning import bill_as_json, bill_table, comparison_table
    from infra.costs.model import Network, bill, machines

    with _refusals():
        table = _prices(prices)
        compared = machines(table, _rule(1, react, boot, idle, linger), Network(network), tokens_per_second)
        length = _books(tokens, spread, tokens_per_second)
        if books is not None:
            compared = [one for one in compared if one.name == machine]
        bills = [[bill(volume, length, one, table) for one in compared] for volume in ([books] if books else VOLUMES)]
    if as_json:
        for one in chain.from_iterable(bills):
            typer.echo(json.dumps(bill_as_json(one)))
        return
    print_table(bill_table(bills[0][0]) if books else comparison_table(bills))
    say(
        f"US dollars a month, at the prices of {table.as_of} in {table.region}; (4×) with 4 workers. See docs/costs.md."
    )


def simulate(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="Arrivals, `time[,tokens]` a line.", show_default="the pattern"),
    ] = None,
    pattern: Annotated[
        Literal["poisson", "even", "bursts"], typer.Option(help="Books at any time, at equal distances, or at once.")
    ] = "poisson",
    books_per_hour: Annotated[float, typer.Option(min=0.001, max=10_000, metavar="N", help="The pattern's books.")] = 4,
    hours: Annotated[
        float, typer.Option(min=0.01, max=TEN_YEARS, metavar="N", help="How long the pattern goes on.")
    ] = 720,
    burst: Annotated[int, typer.Option(min=1, metavar="N", help="How many books a burst has.")] = 10,
    seed: Seed = 1,
    workers: Workers = [1, 2, 4],  # noqa: B006 - typer reads it and never changes it
    always_on: Annotated[bool, typer.Option("--always-on", help="The workers never sleep.")] = False,
    tokens: Tokens = TOKENS,
    spread: Spread = SPREAD,
    tokens_per_second: Speed = SPEED,
    react: React = REACT,
    boot: Boot = BOOT,
    idle: Idle = IDLE,
    linger: Linger = LINGER,
    price: Annotated[
        float | None,
        typer.Option(min=0, max=1_000_000, metavar="DOLLARS", help="What an hour costs.", show_default="Spot's price"),
    ] = None,
    prices: PriceFile = None,
    as_json: Json = False,
) -> None:
    """Replay books against the rule that workers sleep and wake by: how long they wait, what the machines cost."""
    from bookjob.planning import MOST_WORKERS, run_as_json, runs_table
    from infra.costs import simulation
    from infra.costs.arrivals import HOUR

    with _refusals():
        hour = _prices(prices).spot_hour if price is None else price
        coming = _coming(file, pattern, books_per_hour, hours, burst, seed, _books(tokens, spread, tokens_per_second))
    rules = {number: _rule(number, react, boot, idle, linger, always_on=always_on) for number in sorted(set(workers))}
    span = hours * HOUR if file is None else 0.0
    runs = {number: simulation.simulate(coming, rule, until=span) for number, rule in rules.items()}
    if as_json:
        for number, run in runs.items():
            typer.echo(json.dumps(run_as_json(number, run, hour)))
        return
    print_table(runs_table(runs, hour))
    say(f"{len(coming):,} books. No more may wait at once than MaxQueueSize (10 by default): others are refused.")
    if max(runs) > MOST_WORKERS:
        say(f"One deployment has {MOST_WORKERS} workers at most.")


def _coming(
    file: Path | None, pattern: str, per_hour: float, hours: float, burst: int, seed: int, books: "Books"
) -> "list[Arrival]":
    from infra.costs import arrivals

    if file is not None:
        return arrivals.read(file, books, seed)
    number = round(per_hour * hours)
    if number > MOST_BOOKS:
        raise typer.BadParameter(
            f"{number:,} books are too many: {MOST_BOOKS:,} at most. Name fewer --books-per-hour or --hours."
        )
    moments = arrivals.times(arrivals.Pattern(pattern), number, hours * arrivals.HOUR, seed, burst)
    return arrivals.arrivals(moments, books, seed)


def _books(tokens: float, spread: float, tokens_per_second: float) -> "Books":
    from infra.costs.arrivals import Books

    return Books(tokens=tokens, spread=spread, tokens_per_second=tokens_per_second, overhead=2.0)


def _rule(workers: int, react: float, boot: float, idle: float, linger: float, *, always_on: bool = False) -> "Rule":
    from infra.costs.simulation import Rule

    always = workers if always_on else 0
    return Rule(workers=workers, always=always, react=react, boot=boot, idle=idle, linger=linger)


def _prices(own: Path | None) -> "Prices":
    from infra.costs.prices import Prices

    return Prices.read(own)


@contextmanager
def _refusals() -> Iterator[None]:
    """End a command whose files cannot be used with the sentence that says why."""
    from infra.costs.errors import CostsError

    try:
        yield
    except CostsError as error:
        raise typer.BadParameter(str(error)) from error
