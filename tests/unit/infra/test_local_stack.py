"""Starting the local stack where it cannot be, and what becomes of it when a part cannot be started again."""

import os
import shutil
import socket
import sys
from pathlib import Path
from typing import Any, cast

import psutil
import pytest
from botocore.exceptions import EndpointConnectionError

from infra.local import emulator, restarts, stack
from infra.local.detached import start_detached
from infra.local.errors import (
    BrokenDown,
    EmulatorFailed,
    FolderNotWritable,
    NoProject,
    PortNotPermitted,
    ServiceFailed,
    StateNotKept,
)
from infra.local.home import Home, Running
from infra.local.ports import free_port, is_free
from infra.local.processes import Child, Identity
from infra.local.session import run, stop
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


def test_a_detached_start_that_ends_without_a_word_is_not_said_to_take_too_long(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(shutil.which("false")))
    with pytest.raises(ServiceFailed, match=r"ended before it was ready, .* is its disk full\?"):
        start_detached(home, Options())


def test_a_port_that_is_the_systems_is_not_said_to_be_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(socket.socket):
        def bind(self, address: Any) -> None:
            if address[1] == 80:
                raise PermissionError

    monkeypatch.setattr(socket, "socket", Refusing)

    with pytest.raises(PortNotPermitted, match="may not listen on port 80"):
        is_free(80)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_port_is_in_use_where_another_program_answers_at_any_address_of_localhost(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        other = socket.create_server((address, 0), family=family)
    except OSError:
        pytest.skip("this machine has no such address")
    with other:
        assert not is_free(other.getsockname()[1])


class Alive:
    """A part that runs until it is asked to stop."""

    identity = Identity.of(os.getpid())

    def poll(self) -> int | None:
        return None

    def ask_to_stop(self) -> None:
        """It does."""

    def see_stopped(self, patience: float) -> None:
        """It has."""


class Dead(Alive):
    """A part that has ended."""

    ending, ran_for, log = "status 1", 0.0, Path("its.log")

    def __init__(self, name: str) -> None:
        self.name = name

    def poll(self) -> int:
        return 1

    def start_again(self) -> Alive:
        return Alive()


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
        stack._children["emulator"] = cast("Child", Dead("emulator"))

    monkeypatch.setattr(LocalStack, "_bring_up", bring_up)
    monkeypatch.setattr(restarts, "LONGEST", 0.0)

    with pytest.raises(BrokenDown, match=told) as broken:
        run(home, home.lock(), Options(port=free_port(), worker=False), lambda _: None, lambda _: None)

    assert broken.value.__cause__ is fault
    assert home.running() is None


@pytest.mark.timeout(30)
def test_a_full_disk_ends_no_stack_and_what_runs_is_noted_once_there_is_room(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    full = home.path / "running.new"  # a note is drafted here: where a folder lies, none can be

    def bring_up(stack: LocalStack) -> None:
        full.mkdir()
        stack._children["worker"] = cast("Child", Dead("worker"))

    def report(sentence: str) -> None:
        told.append(sentence)
        raise OSError("the terminal's file is on the same disk")

    def noted() -> bool:
        running = home.running()
        return running is not None and running.children == {"worker": Alive.identity}

    monkeypatch.setattr(LocalStack, "_bring_up", bring_up)
    monkeypatch.setattr(restarts, "LONGEST", 0.0)

    with LocalStack(home, home.lock(), Options(port=free_port(), worker=False), report) as started:
        started.start()
        assert until(lambda: "cannot be written to" in "".join(told))
        assert not noted()
        full.rmdir()
        assert until(noted)


def test_a_start_on_a_full_disk_says_so(home: Home) -> None:
    (home.path / "running.new").mkdir()
    with pytest.raises(FolderNotWritable, match="Make room there"):
        run(home, home.lock(), Options(port=free_port(), worker=False), lambda _: None, lambda _: None)


def test_a_start_without_the_project_s_folder_says_where_it_works(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(stack, "TEMPLATE", tmp_path / "site-packages" / "template.yaml")
    with pytest.raises(NoProject, match=r"site-packages is not: it has no template\.yaml\. Run `make setup`"):
        run(home, home.lock(), Options(port=free_port(), worker=False), lambda _: None, lambda _: None)


def save(home: Home, *services: str) -> None:
    """Save what the emulator holds of the services, as it does when it is asked to stop."""
    (home.state / "services").mkdir(exist_ok=True)
    for service in services:
        (home.state / "services" / f"{service}.json").write_text("{}")


def came_up(home: Home) -> Running:
    """Return a stack that came up with the state that is now in the folder, and has ended."""
    supervisor = Identity(pid=os.getpid(), mark=0)
    saved_at = emulator.saved_at(home.state)
    return Running(supervisor=supervisor, port=8000, with_worker=True, state_saved_at=saved_at, ready=True)


def test_a_stack_whose_emulator_saved_its_state_is_stopped(home: Home) -> None:
    home.note_running(came_up(home))
    save(home, "dynamodb", "s3", "sqs")
    assert stop(home)


@pytest.mark.parametrize("saved", [(), ("dynamodb", "s3")])
def test_a_stack_whose_emulator_could_not_save_its_state_is_not_said_to_have_kept_it(
    home: Home, saved: tuple[str, ...]
) -> None:
    save(home, "dynamodb", "s3", "sqs")
    home.note_running(came_up(home))
    for service in saved:
        os.utime(home.state / "services" / f"{service}.json", ns=(1, 1))

    with pytest.raises(StateNotKept, match="could not keep its state"):
        stop(home)

    assert home.running() is None


def test_ctrl_c_on_a_stack_that_could_not_keep_its_state_says_so(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalStack, "_bring_up", lambda stack: stack._note(ready=True))

    def interrupt(_: Running) -> None:
        raise KeyboardInterrupt

    with pytest.raises(StateNotKept):
        run(home, home.lock(), Options(port=free_port(), worker=False), lambda _: None, interrupt)
