"""The folder in which a local stack keeps everything: what is deployed, what runs, its jobs and its logs.

lock              held, while the stack runs, by the process that runs it and by its emulator
running.json      who runs it, and where
deployment.json   what is deployed in the emulator's state
state/            what the emulator keeps from one start to the next
packs/            the model packs that were pulled
logs/             one file for each process
"""

import fcntl
import os
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from infra.local import emulator
from infra.local.deploy import Deployment
from infra.local.errors import AlreadyRunning, FolderNotWritable, StateNotKept
from infra.local.processes import Identity
from infra.local.template import PROJECT

_Model = TypeVar("_Model", bound=BaseModel)

#: The permissions of a folder that nobody but its owner is to look into.
OWNER_ONLY = 0o700


class Running(BaseModel):
    """The stack that runs now, or ran until it was killed."""

    model_config = ConfigDict(frozen=True)

    supervisor: Identity
    children: Mapping[str, Identity] = {}
    #: The port of the front.
    port: int
    emulator_port: int | None = None
    api_id: str | None = None
    queue_url: str | None = None
    with_worker: bool
    #: Whether the bundled pack serves `small` and `big`.
    with_substitute: bool = True
    #: Whether callers are asked for an API key.
    with_keys: bool = False
    #: When the state that the emulator came up with was saved, as `emulator.saved_at` tells it.
    state_saved_at: Mapping[str, int] = {}
    #: Whether the service can be used.
    ready: bool = False

    @property
    def url(self) -> str:
        """The service's address."""
        return service_url(self.port)


def service_url(port: int) -> str:
    """Return the address of a service on this machine's port."""
    return f"http://localhost:{port}"


@dataclass(frozen=True)
class Home:
    """One such folder."""

    path: Path

    @classmethod
    def default(cls) -> Self:
        """Return the folder of BOOKJOB_HOME, or `.bookjob` in the project."""
        return cls(Path(os.environ.get("BOOKJOB_HOME") or PROJECT / ".bookjob").absolute())

    @property
    def state(self) -> Path:
        """Where the emulator keeps what it holds."""
        return self.path / "state"

    @property
    def packs(self) -> Path:
        """Where the model packs are that did not come with the code."""
        return self.path / "packs"

    def clear_scratch(self) -> Path:
        """Return the empty folder for what the emulator unpacks while it runs."""
        scratch = self.path / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        _make_private(scratch)
        return scratch

    def log(self, name: str) -> Path:
        """Return the log file of one process."""
        return self.path / "logs" / f"{name}.log"

    def prepare(self) -> None:
        """Make the folder; raises FolderNotWritable.

        One that stands may be anybody's, so only what is made in it is closed to others.
        """
        try:
            self.path.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
            for folder in (self.state, self.path / "logs"):
                _make_private(folder)
            (self.path / "lock").touch()
        except OSError as error:
            raise FolderNotWritable(self.path, error.strerror or str(error)) from error

    def lock(self) -> int:
        """Return the file descriptor that holds the folder's lock until it and its copies are closed.

        The system lets go of it when its last holder ends, however that came about, so a lock that is held tells
        that something runs. Raises AlreadyRunning when it is held.
        """
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as held:
            os.close(descriptor)
            raise AlreadyRunning(
                f"Another process runs the local stack of {self.path}, or is starting or stopping it. Try again in a "
                "moment, or stop it: bookjob down"
            ) from held
        return descriptor

    def running(self) -> Running | None:
        """Return what runs, by the file; None where there is no file or it is not one of ours."""
        return _read(self.path / "running.json", Running)

    def note_running(self, running: Running | None) -> None:
        """Note what runs now; None for nothing. Raises FolderNotWritable."""
        _write(self.path / "running.json", running)

    def deployment(self) -> Deployment | None:
        """Return what was deployed in the emulator's state, or None."""
        return _read(self.path / "deployment.json", Deployment)

    def note_deployment(self, deployment: Deployment | None) -> None:
        """Note what is deployed in the emulator's state; None for nothing. Raises FolderNotWritable."""
        _write(self.path / "deployment.json", deployment)

    def see_state_kept(self, stopped: Running) -> None:
        """Raise StateNotKept unless the emulator of a stack that has ended saved all that jobs are in."""
        saved, before = emulator.saved_at(self.state), stopped.state_saved_at
        if stopped.ready and any(at == before.get(service, 0) for service, at in saved.items()):
            raise StateNotKept

    def set_state_aside(self) -> Path:
        """Move a damaged state out of the way and return where it is now."""
        aside = self.path / f"state-damaged-{time.strftime('%Y%m%dT%H%M%S')}"
        self.state.rename(aside)
        _make_private(self.state)
        self.note_deployment(None)
        return aside


def _make_private(folder: Path) -> None:
    """Make the folder one that its owner alone can look into, be it there already: it holds books and secrets."""
    folder.mkdir(mode=OWNER_ONLY, exist_ok=True)
    with suppress(PermissionError):  # of a file system that knows no permissions
        folder.chmod(OWNER_ONLY)


def _read(path: Path, model: type[_Model]) -> _Model | None:
    try:
        return model.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        return None


def _write(path: Path, model: BaseModel | None) -> None:
    if model is None:
        path.unlink(missing_ok=True)
        return
    draft = path.with_suffix(".new")
    try:
        draft.write_text(model.model_dump_json(indent=2))
        draft.replace(path)
    except OSError as error:
        remedy = "Make room there, or set BOOKJOB_HOME to another folder."
        raise FolderNotWritable(path.parent, error.strerror or str(error), remedy) from error
