"""The cost model: what its prices are, what its bills add up to, and what the pages say of them."""

import json
import math
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from bookjob.cli import app
from bookjob.commands import planning
from bookjob.exit_codes import ExitCode
from bookjob.planning import MOST_WORKERS
from gpu_worker.consumer import POLL
from infra.costs.arrivals import Books, Pattern, read, times
from infra.costs.errors import InvalidArrivals, InvalidPrices
from infra.costs.model import CPU_SPEED, FOOTPRINT, Bill, Machine, Network, bill, machines
from infra.costs.prices import LIST_PRICES, Prices
from infra.costs.simulation import Rule
from infra.local.template import PROJECT, Template

PRICES = Prices.read()
NOVELS = Books(tokens=120_000, spread=0.6, tokens_per_second=CPU_SPEED, overhead=2)
SLEEPING = Rule(react=planning.REACT, boot=planning.BOOT, idle=planning.IDLE, linger=planning.LINGER)


def of(name: str, network: Network = Network.ENDPOINTS, prices: Prices = PRICES) -> Machine:
    (found,) = [one for one in machines(prices, SLEEPING, network, CPU_SPEED) if one.name == name]
    return found


def spot(books: int, prices: Prices = PRICES) -> Bill:
    return bill(books, NOVELS, of("Spot", prices=prices), prices)


def test_every_price_names_the_page_that_it_was_read_on() -> None:
    for group in LIST_PRICES.read_text().split("\n\n")[2:]:
        assert group.startswith("# https://aws.amazon.com/"), group


def test_an_owner_s_price_takes_the_place_of_the_list_s(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text("as_of = 2026-01-20\nspot_hour = 1.0\n")
    prices = Prices.read(own)
    assert (prices.spot_hour, prices.as_of.isoformat()) == (1.0, "2026-01-20")
    assert prices.on_demand_hour == PRICES.on_demand_hour
    assert spot(100, prices).of("machines") > spot(100).of("machines")


@pytest.mark.parametrize("text", ["spot_hour = -1", "spot_our = 1", "spot_hour = 'cheap'", "spot_hour =", "\xff"])
def test_prices_that_are_none_are_refused_with_the_reason(tmp_path: Path, text: str) -> None:
    own = tmp_path / "own.toml"
    own.write_text(text, encoding="latin-1")
    with pytest.raises(InvalidPrices, match=r"own\.toml"):
        Prices.read(own)


def test_prices_that_are_not_there_are_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(InvalidPrices, match="cannot be read"):
        Prices.read(tmp_path / "nowhere.toml")


def test_a_bill_adds_up() -> None:
    one = spot(1000)
    assert one.dollars == pytest.approx(sum(one.of(group) for group in ("requests", "storage", "machines", "standing")))
    assert one.reading_hours == pytest.approx(1000 * NOVELS.work(NOVELS.tokens) / 3600)
    assert one.of("machines") == pytest.approx(one.machine_hours * one.machine.hour)


def test_twice_the_books_cost_more_and_less_than_twice() -> None:
    bills = [spot(books).dollars for books in (1, 10, 100, 1_000, 10_000)]
    assert bills == sorted(bills)
    assert all(later < 10 * earlier for earlier, later in pairwise(bills))


def test_what_stands_costs_the_same_without_books() -> None:
    assert spot(1).of("standing") == spot(10_000).of("standing")


def test_one_book_is_paid_for_from_the_boot_to_the_end_of_the_lingering() -> None:
    seconds = SLEEPING.boot + NOVELS.work(NOVELS.tokens) + SLEEPING.idle + SLEEPING.linger
    assert spot(1).machine_hours == pytest.approx(seconds / 3600, rel=0.01)


def test_a_machine_that_is_always_on_is_paid_for_all_month() -> None:
    assert bill(1, NOVELS, of("always on"), PRICES).machine_hours == pytest.approx(730)


def test_a_worker_that_waits_pays_for_each_look_at_the_queue() -> None:
    (looks,) = [line for line in bill(1, NOVELS, of("always on"), PRICES).lines if "looks at the queue" in line.what]
    assert looks.dollars == pytest.approx(730 * 3600 / POLL * PRICES.fifo_request, rel=1e-3)


def test_more_work_than_one_worker_can_do_gets_more_workers() -> None:
    many = spot(100_000)
    assert many.workers > 1
    assert many.reading_hours / (many.workers * 730) <= 0.8


def test_a_worker_elsewhere_pays_for_no_network() -> None:
    assert bill(1, NOVELS, of("Spot", Network.NONE), PRICES).of("standing") < 25 < spot(1).of("standing")
    assert "NAT gateway" in {line.what for line in bill(1, NOVELS, of("Spot", Network.NAT), PRICES).lines}


def test_fargate_pays_for_no_endpoint_of_an_agent_that_it_has_not() -> None:
    task, instance = (bill(1, NOVELS, of(name), PRICES).of("standing") for name in ("Fargate", "Spot"))
    assert instance - task == pytest.approx(FOOTPRINT.agent_endpoints * 730 * PRICES.endpoint_hour)


def test_the_same_bill_is_asked_for_twice() -> None:
    assert spot(123) == spot(123)


def test_the_model_counts_what_the_templates_deploy() -> None:
    network = Template.read(PROJECT / "infra" / "network.yaml")
    interfaces = [
        name
        for name in network.of_type("AWS::EC2::VPCEndpoint")
        if network.properties(name)["VpcEndpointType"] == "Interface"
    ]
    assert {len(network.properties(name)["SubnetIds"]) for name in interfaces} == {1}
    made = Counter(network.body["Resources"][name]["Condition"] for name in interfaces)
    assert made == {"UsesEndpoints": of("Fargate").endpoints, "UsesEcsEndpoints": FOOTPRINT.agent_endpoints}
    assert {of(name).endpoints for name in ("Spot", "On-Demand", "always on")} == {made.total()}
    read_by_alarms = 0
    for file in ("observability.yaml", "service.yaml", "service.yaml"):  # Spot and its fallback
        template = Template.read(PROJECT / "infra" / file)
        for alarm in template.of_type("AWS::CloudWatch::Alarm"):
            queries = template.properties(alarm).get("Metrics", [{"MetricStat": {}}])
            read_by_alarms += sum("MetricStat" in query for query in queries)
    assert read_by_alarms == FOOTPRINT.alarm_metrics
    main = Template.read()
    sources = map(main.properties, main.of_type("AWS::Lambda::EventSourceMapping"))
    assert sum("Queue" in str(source["EventSourceArn"]) for source in sources) == FOOTPRINT.polled_queues
    most = main.body["Parameters"]["WorkerConcurrency"]["MaxValue"]
    assert most == MOST_WORKERS


def test_lengths_have_the_average_that_they_were_asked_for() -> None:
    drawn = NOVELS.lengths(1_000, seed=3)
    assert math.fsum(drawn) / 1_000 == pytest.approx(120_000)
    assert math.sqrt(sum((length - 120_000) ** 2 for length in drawn) / 1_000) == pytest.approx(72_000, rel=0.2)


def test_arrivals_are_read_from_seconds_and_from_dates(tmp_path: Path) -> None:
    file = tmp_path / "arrivals.csv"
    file.write_text("# time,tokens\n2026-01-20T10:01:00Z,3000\n2026-01-20T10:00:00Z\n\n")
    first, second = read(file, Books(1_500, 0, 1_500, overhead=2), seed=1)
    assert (first.at, first.work, second.at, second.work) == (0, 3, 60, 4)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "names no arrival"), ("noon", "line 1"), ("1\n2,many", "line 2"), ("inf", "finite"), ("1,-5", "0 or more")],
)
def test_a_file_that_is_no_arrivals_is_refused_with_the_line(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "arrivals.csv"
    file.write_text(text)
    with pytest.raises(InvalidArrivals, match=reason):
        read(file, NOVELS, seed=1)


@pytest.mark.parametrize("pattern", Pattern)
def test_a_pattern_has_so_many_books_in_its_time_and_in_order(pattern: Pattern) -> None:
    moments = times(pattern, 103, 3_600, seed=1, burst=10)
    assert len(moments) == 103
    assert moments == sorted(moments)
    assert 0 <= moments[0] <= moments[-1] <= 3_600
    assert len(set(moments)) == (11 if pattern is Pattern.BURSTS else 103)


def documented() -> dict[int, list[str]]:
    """The comparison in docs/costs.md: the cells of each number of books."""
    page = (PROJECT / "docs" / "costs.md").read_text()
    rows = re.findall(r"^\| ([\d,]+) \|(.+)\|$", page, re.MULTILINE)
    return {int(books.replace(",", "")): [cell.strip() for cell in cells.split("|")] for books, cells in rows}


def test_the_page_shows_what_the_model_says() -> None:
    rows = documented()
    assert set(rows) == set(planning.VOLUMES)
    for books, cells in rows.items():
        for one, cell in zip(machines(PRICES, SLEEPING, Network.ENDPOINTS, CPU_SPEED), cells, strict=True):
            said = float(cell.split("(")[0].strip().lstrip("$").replace(",", ""))
            assert said == pytest.approx(bill(books, NOVELS, one, PRICES).dollars, abs=1), (books, one.name)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[Any]:
    """Return what a command prints for machines: an object a line."""
    app([*arguments, "--json"], standalone_mode=False)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_command_prints_a_bill_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    (one,) = run(capsys, "cost", "--books", "1000", "--machine", "Fargate", "--network", "nat")
    assert (one["machine"], one["books_per_month"]) == ("Fargate", 1000)
    assert sum(line["dollars"] for line in one["lines"]) == pytest.approx(one["dollars_per_month"], abs=0.01)


def test_the_command_prints_runs_for_machines(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "arrivals.csv"
    file.write_text("0,1500\n0,1500\n")
    one, two = run(
        capsys, "simulate", str(file), "-w", "1", "-w", "2", "--react", "0", "--boot", "0", "--price", "3600"
    )
    assert (one["books"], one["wait_seconds"]["p100"], two["wait_seconds"]["p100"]) == (2, 3.0, 0.0)
    assert one["dollars"] == 6 + 300 + 900


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("cost", "--tokens"),
        ("cost", "--spread"),
        ("cost", "--tokens-per-second"),
        ("cost", "--react"),
        ("cost", "--boot"),
        ("cost", "--idle"),
        ("cost", "--linger"),
        ("simulate", "--hours"),
        ("simulate", "--books-per-hour"),
        ("simulate", "--price"),
    ],
)
@pytest.mark.parametrize("value", ["inf", "nan", "1e300"])
def test_no_number_without_end_is_calculated_with(command: str, option: str, value: str) -> None:
    refused = CliRunner().invoke(app, [command, option, value])
    assert refused.exit_code == ExitCode.USAGE
    assert option in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--books-per-hour", "10000", "--hours", "87600"), "1,000,000 at most"),
        (("--workers", "1000000", "--always-on"), "--workers"),
    ],
)
def test_no_more_is_replayed_than_can_be_waited_for(arguments: tuple[str, ...], sentence: str) -> None:
    refused = CliRunner().invoke(app, ["simulate", *arguments])
    assert refused.exit_code == ExitCode.USAGE
    assert sentence in refused.stderr


@pytest.mark.parametrize(
    ("command", "default"),
    [
        (("simulate",), "the pattern"),
        (("simulate",), "Spot's price"),
        (("keys", "list"), "the service on this machine"),
        (("packs", "verify"), "all of them"),
        (("packs", "pull"), "upstream's"),
    ],
)
def test_help_names_what_is_taken_where_no_value_says_it(command: tuple[str, ...], default: str) -> None:
    shown = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200"}, color=False).stdout
    assert f"[default: ({default})]" in shown


def test_the_command_says_what_is_wrong_with_a_file(tmp_path: Path) -> None:

    with pytest.raises(typer.BadParameter, match="cannot be read"):
        app(["simulate", str(tmp_path / "nowhere.csv")], standalone_mode=False)
