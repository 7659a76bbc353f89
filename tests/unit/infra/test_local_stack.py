"""Starting the local stack where it cannot be, and what becomes of it when a part cannot be started again."""

import socket
import sys
from pathlib import Path
from typing import cast

import psutil
import pytest
from botocore.exceptions import EndpointConnectionError

from infra.local import restarts
from infra.local.detached import start_detached
from infra.local.errors import BrokenDown, EmulatorFailed, PortNotPermitted
from infra.local.home import Home, Running
from infra.local.ports import free_port, is_free
from infra.local.processes import Child
from infra.local.session import run
from infra.local.stack import LocalStack, Options
from tests.deadlines import until


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.prepare()
    return made


def test_a_detached_start_that_is_broken_off_leaves_no_process(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    note, python = tmp_path / "pid", tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho $$ > {note}.new; mv {note}.new {note}; exec sleep 60\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))

    def interrupt(_: Home) -> Running:
        assert until(note.exists)
        raise KeyboardInterrupt

    monkeypatch.setattr(Home, "running", interrupt)

    with pytest.raises(KeyboardInterrupt):
        start_detached(home, Options())

    assert not psutil.pid_exists(int(note.read_text()))


def test_a_port_that_is_the_systems_is_not_said_to_be_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(socket.socket):
        def bind(self, *_: object) -> None:
            raise PermissionError

    monkeypatch.setattr(socket, "socket", Refusing)

    with pytest.raises(PortNotPermitted, match="may not listen on port 80"):
        is_free(80)


class Dead:
    """An emulator that has ended."""

    name, ending, ran_for, log = "emulator", "status 1", 0.0, Path("emulator.log")

    def poll(self) -> int:
        return 1

    def ask_to_stop(self) -> None:
        """Nothing is left to stop."""

    def see_stopped(self, patience: float) -> None:
        """It has."""


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (EmulatorFailed("The emulator ended with status 1 while starting."), "started again. The emulator ended with"),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), "started again. EndpointConnectionError: Could"),
    ],
)
def test_a_stack_that_cannot_be_brought_up_again_stops_and_says_why(
    home: Home, monkeypatch: pytest.MonkeyPatch, fault: Exception, told: str
) -> None:
    starts = iter([None, fault])

    def bring_up(stack: LocalStack) -> None:
        if error := next(starts):
            raise error
        stack._children["emulator"] = cast("Child", Dead())

    monkeypatch.setattr(LocalStack, "_bring_up", bring_up)
    monkeypatch.setattr(restarts, "LONGEST", 0.0)

    with pytest.raises(BrokenDown, match=told) as broken:
        run(home, home.lock(), Options(port=free_port(), worker=False), lambda _: None, lambda _: None)

    assert broken.value.__cause__ is fault
    assert home.running() is None
