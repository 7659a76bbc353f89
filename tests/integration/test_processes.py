"""Child processes end with their parent, however it ends, and only those that are ours are ended by us."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from infra.local.errors import AlreadyRunning
from infra.local.home import Home, Running
from infra.local.processes import Child, Identity
from infra.local.session import end_leftovers, stop, take
from tests.deadlines import until

#: A module that notes its SIGTERM before it ends.
WITNESS = """
    import pathlib, signal, sys, time

    def end(*_):
        pathlib.Path(sys.argv[1]).write_text("ended in order")
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    pathlib.Path(sys.argv[1]).write_text("running")
    time.sleep(60)
"""

PARENT = """
    import pathlib, sys, time
    from infra.local.processes import Child

    folder = pathlib.Path(sys.argv[1])
    child = Child.start("witness", ["witness", str(folder / "note")], {"PYTHONPATH": str(folder)}, folder / "log")
    time.sleep(60)
"""


def says(note: Path, text: str) -> Callable[[], bool]:
    return lambda: note.exists() and note.read_text() == text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "witness.py").write_text(textwrap.dedent(WITNESS))
    return tmp_path


@pytest.fixture
def child(folder: Path) -> Iterator[Child]:
    started = Child.start(
        "witness", ["witness", str(folder / "note")], {"PYTHONPATH": str(folder)}, folder / "witness.log"
    )
    assert until(says(folder / "note", "running"))
    yield started
    started.ask_to_stop()
    started.see_stopped(patience=5)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.prepare()
    return made


def gone(pid: int) -> Identity:
    """The identity of a process that has ended and whose number another one has."""
    return Identity(pid=pid, mark=0)


def test_a_child_is_asked_to_stop_when_its_parent_is_killed(folder: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(PARENT), str(folder)])
    try:
        assert until(says(folder / "note", "running"))
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert until(says(folder / "note", "ended in order"))


def test_a_child_that_does_not_stop_is_killed(child: Child) -> None:
    os.kill(child.identity.pid, signal.SIGSTOP)
    child.ask_to_stop()
    child.see_stopped(patience=0.2)
    assert child.ending == "SIGKILL"


def test_what_a_killed_run_left_behind_is_ended(child: Child, folder: Path) -> None:
    end_leftovers(Running(supervisor=gone(os.getpid()), children={"w": child.identity}, port=1, with_worker=True))
    assert until(says(folder / "note", "ended in order"))


@pytest.mark.timeout(20)
def test_a_stack_that_ctrl_z_stopped_or_whose_end_nobody_asked_for_yet_is_ended_at_once(
    home: Home, folder: Path
) -> None:
    began, note = time.monotonic(), folder / "note"
    with subprocess.Popen([sys.executable, str(folder / "witness.py"), str(note)]) as stack:
        assert until(says(note, "running"))
        stack.send_signal(signal.SIGSTOP)
        home.note_running(Running(supervisor=Identity.of(stack.pid), port=1, with_worker=True))
        assert stop(home)
        assert note.read_text() == "ended in order"
    assert time.monotonic() - began < 10


def test_a_process_that_has_a_left_over_number_is_not_ours_to_end(child: Child) -> None:
    stranger = gone(child.identity.pid)
    end_leftovers(Running(supervisor=gone(os.getpid()), children={"w": stranger}, port=1, with_worker=True))
    assert child.poll() is None


def test_a_process_is_known_after_the_clock_was_set(
    child: Child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, pid = tmp_path / "proc", str(child.identity.pid)
    system.mkdir()
    (system / pid).symlink_to(Path("/proc", pid))
    told = Path("/proc/stat").read_text()
    boot = f"btime {psutil.boot_time():.0f}"
    assert boot in told
    (system / "stat").write_text(told.replace(boot, f"btime {psutil.boot_time() + 3600:.0f}"))
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(system))

    assert child.identity.find() is not None


def test_a_folder_whose_stack_runs_is_not_taken_but_told(home: Home) -> None:
    lock = take(home)
    assert isinstance(lock, int)
    running = Running(supervisor=Identity.of(os.getpid()), port=8000, with_worker=True)
    home.note_running(running)
    assert take(home) == running
    os.close(lock)


def test_a_folder_is_taken_although_a_killed_run_says_that_it_runs(home: Home) -> None:
    home.note_running(Running(supervisor=gone(os.getpid()), port=8000, with_worker=True))
    lock = take(home)
    assert isinstance(lock, int)
    os.close(lock)


def test_a_folder_with_an_unreadable_note_is_taken(home: Home) -> None:
    (home.path / "running.json").write_text('{"supervisor": ')
    lock = take(home)
    assert isinstance(lock, int)
    os.close(lock)


def test_a_lock_outlives_its_taker_in_the_child_that_inherits_it(home: Home, child: Child) -> None:
    lock = home.lock()
    heir = Child.start("heir", ["witness", str(home.path / "note")], child.environment, home.log("heir"), [lock])
    os.close(lock)
    with pytest.raises(AlreadyRunning):
        home.lock()
    heir.ask_to_stop()
    heir.see_stopped(patience=5)
    os.close(home.lock())


def test_stopping_where_nothing_runs_says_so(home: Home) -> None:
    assert stop(home) is False
