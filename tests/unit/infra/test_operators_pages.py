"""The operator's pages name only parameters, outputs, commands and options that there are."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from bookjob.cli import app
from infra.local.template import PROJECT, Template

TEMPLATE = Template.read().body
PAGES = ("deploy.md", "runbook.md", "costs.md")
DEPLOY = (PROJECT / "docs" / "deploy.md").read_text()

#: Names in the pages' code that look like parameters and are none: AWS's own words, and our alarms.
NO_PARAMETERS = {"ApproximateNumberOfMessagesNotVisible", "ConcurrentExecutions", "EcsGpu", "BatchGpu", "FargateCpu"}


def page(name: str) -> str:
    return (PROJECT / "docs" / name).read_text()


def shell(text: str) -> Iterator[str]:
    """The lines of the page's commands, those that go on in the next line put together."""
    for block in re.findall(r"^```(?:sh|text)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from block.replace("\\\n", " ").splitlines()


def commands(text: str) -> Iterator[list[str]]:
    """The page's calls of `bookjob`, in words, up to a comment, a pipe or the end."""
    inline = re.findall(r"`(bookjob [^`]+)`", text)
    for line in [*shell(text), *inline]:
        if found := re.match(r"(?:\$ )?(bookjob .*?)(?:\s+#|\s*&&|\s*\||$)", line):
            yield shlex.split(found[1])[1:]


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """The command that the words call, and what is left of them; raises KeyError for none."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        command, words = command.commands[words[0]], words[1:]
    return command, words


CALLS = [(name, words) for name in PAGES for words in commands(page(name))]


@pytest.mark.parametrize(("name", "words"), CALLS, ids=[" ".join(words) for _, words in CALLS])
def test_a_command_of_a_page_is_there_with_its_options(name: str, words: list[str]) -> None:
    command, rest = command_of(words)
    options = {option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]}
    assert {word for word in rest if word.startswith("-")} <= options


def test_the_pages_show_some_commands() -> None:
    shown = {words[0] for _, words in CALLS}
    assert {"run", "keys", "packs", "cost", "simulate", "retry"} <= shown


def test_every_output_that_is_asked_for_is_there() -> None:
    asked = set(re.findall(r"\boutput (\w+)\)|^output (\w+)", DEPLOY, re.MULTILINE))
    names = {name for pair in asked for name in pair if name}
    assert len(names) >= 8
    assert names <= TEMPLATE["Outputs"].keys()


def test_every_parameter_that_a_page_names_is_there() -> None:
    for name in PAGES:
        words = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)(?:=[^`]*)?`", page(name)))
        outputs = TEMPLATE["Outputs"].keys() | TEMPLATE["Resources"].keys()
        assert words - NO_PARAMETERS - outputs <= TEMPLATE["Parameters"].keys(), name


def test_every_value_that_a_page_gives_a_parameter_is_allowed() -> None:
    for name in PAGES:
        for parameter, value in re.findall(r"\b([A-Z]\w+)=([A-Z]\w+|prod|dev)\b", page(name)):
            allowed = TEMPLATE["Parameters"].get(parameter, {}).get("AllowedValues")
            assert allowed is None or value in allowed, (name, parameter)


def test_the_table_of_parameters_shows_their_defaults() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", DEPLOY, re.MULTILINE)
    assert len(rows) >= 8
    for parameter, default in rows:
        shown = {"empty": ""}.get(default, default.strip("`"))
        assert shown == str(TEMPLATE["Parameters"][parameter]["Default"]), parameter


def test_what_outlives_the_stack_is_what_the_page_tears_down() -> None:
    retained = {
        name
        for body in (TEMPLATE, Template.read(PROJECT / "infra" / "worker.yaml").body)
        for name, resource in body["Resources"].items()
        if str(resource.get("DeletionPolicy", "")).startswith("Retain")
    }
    assert retained == {"JobsTable", "KeysTable", "Bucket", "PackBucket"}


def test_machines_that_cannot_be_scaled_in_are_torn_down_before_the_stack() -> None:
    machines = Template.read(PROJECT / "infra" / "gpu_instances.yaml")
    groups = machines.of_type("AWS::AutoScaling::AutoScalingGroup")
    assert all(machines.properties(group)["NewInstancesProtectedFromScaleIn"] for group in groups)
    before, _, _ = DEPLOY.split("## Tear down")[1].partition("sam delete")
    assert [f"output Worker{group}Name" in before for group in groups] == [True, True]


@pytest.mark.parametrize("name", PAGES)
def test_a_link_of_a_page_leads_somewhere(name: str) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page(name)):
        assert (PROJECT / "docs" / target).exists(), target
